/* Makes the pages inside the portal smoother; without it everything still works (product.md P1-P3).
   Keeps the session fresh, asks before what cannot be undone, updates live parts, fits the frame's height. */
(function () {
  "use strict";
  const main = document.getElementById("main");
  if (!main || !window.fetch || !window.Promise) return;
  const words = main.dataset;
  const SPARE = 120000; // milliseconds before the end at which the session is renewed
  let session = words.session || "";
  let ends = Date.now() + 1000 * Number(words.seconds || 0);
  let renewing = null;

  // --- the portal's frame
  function portal() {
    return new Promise(function (resolve, reject) {
      if (!window.BX24) { reject(new Error("outside")); return; }
      window.BX24.init(function () { resolve(window.BX24); });
    });
  }

  function within(milliseconds, promise) {
    return Promise.race([promise, new Promise(function (_, reject) {
      setTimeout(function () { reject(new Error("silence")); }, milliseconds);
    })]);
  }

  function token(anew) {
    return portal().then(function (bx) {
      const auth = anew ? null : bx.getAuth();
      if (auth && auth.access_token) return auth.access_token;
      return within(10000, new Promise(function (resolve, reject) {
        bx.refreshAuth(function (found) {
          if (found && found.access_token) resolve(found.access_token);
          else reject(new Error("no token"));
        });
      }));
    });
  }

  function fit() {
    let known = 0;
    portal().then(function (bx) {
      function tell() {
        const height = document.body.scrollHeight;
        if (height === known) return;
        known = height;
        bx.fitWindow();
      }
      tell();
      if (window.ResizeObserver) new ResizeObserver(tell).observe(document.body);
      /* A page that follows another one begins at its top; the portal scrolls, the frame does not. */
      if (document.querySelector(".tabs") && location.pathname.indexOf("/app/") === 0) bx.scrollParentWindow(0);
    }).catch(function () {});
  }

  // --- the session
  function ask(value, anew) {
    return token(anew).then(function (found) {
      return fetch(words.renew || "/bitrix/session", {
        method: "POST", credentials: "omit", headers: { Accept: "application/json" },
        body: new URLSearchParams({ session: value, token: found })
      });
    }).then(function (answer) {
      return answer.json().then(function (body) {
        if (answer.ok) return body;
        if (body.error === "dead_token" && !anew) return ask(value, true);
        throw new Error(body.error);
      });
    });
  }

  function renew(value) {
    if (!renewing) {
      renewing = within(25000, ask(value || session, false)).then(function (body) {
        session = body.session;
        ends = Date.now() + 1000 * body.seconds;
        document.querySelectorAll("input[name=session]").forEach(function (input) { input.value = session; });
        main.dataset.session = session;
        renewing = null;
        return session;
      }, function (error) {
        renewing = null;
        throw error;
      });
    }
    return renewing;
  }

  function fresh() {
    if (!session || Date.now() < ends - SPARE) return Promise.resolve(session);
    return renew().catch(function (error) {
      if (Date.now() < ends) return session;
      throw error;
    });
  }

  /* As fetch, with the session; on 401 it is renewed and the request repeated once. `body` is a FormData or nothing. */
  function request(url, body, accept) {
    function send() {
      if (body) body.set("session", session);
      return fetch(url, {
        method: body ? "POST" : "GET", body: body ? new URLSearchParams(body) : undefined, credentials: "omit",
        headers: { Authorization: "Bearer " + session, Accept: accept || "text/html", "X-Requested-With": "molva" }
      });
    }
    return fresh().then(send).then(function (answer) {
      return answer.status === 401 ? renew().then(send) : answer;
    });
  }

  // --- saying things
  /* At the top, or where people look: before the row of buttons that `near` stands in. */
  function say(tone, text, near) {
    let box = document.getElementById("said");
    if (!box) {
      box = document.createElement("div");
      box.id = "said";
      box.appendChild(document.createElement("div"));
    }
    const row = near && (near.closest(".bar-save, .acts") || near);
    if (row) row.parentNode.insertBefore(box, row);
    else (document.getElementById("notices") || main).appendChild(box);
    box.className = "notice " + tone;
    box.setAttribute("role", "alert");
    box.hidden = !text;
    box.firstChild.textContent = text;
  }

  function complain(error, near) {
    const lost = error instanceof TypeError || error.message === "unreachable";
    say("danger", lost ? words.lost : words.stale, near);
  }

  /* A frame may be far higher than the screen: a dialog belongs beside what opened it. */
  function place(dialog, opener) {
    const room = window.innerHeight - dialog.offsetHeight - 16;
    const top = opener ? opener.getBoundingClientRect().top - dialog.offsetHeight / 2 : 0;
    dialog.style.marginTop = window.innerHeight > 800 && opener ? Math.max(16, Math.min(room, top)) + "px" : "";
  }

  function confirmed(text) {
    const dialog = document.getElementById("ask");
    if (!dialog || !dialog.showModal) return Promise.resolve(window.confirm(text));
    return new Promise(function (resolve) {
      const opener = document.activeElement;
      document.getElementById("ask-text").textContent = text;
      function done(answer) {
        dialog.removeEventListener("close", closed);
        if (dialog.open) dialog.close();
        if (opener && opener.focus) opener.focus();
        resolve(answer);
      }
      function closed() { done(false); }
      dialog.addEventListener("close", closed);
      dialog.querySelector("[data-yes]").onclick = function () { done(true); };
      dialog.querySelector("[data-no]").onclick = function () { done(false); };
      dialog.showModal();
      place(dialog, opener);
      dialog.querySelector("[data-no]").focus();
    });
  }

  // --- forms
  const checked = new WeakMap(); // form -> what its next submit may skip
  const dirty = new Set();

  function again(form, submitter, done) {
    checked.set(form, done);
    if (submitter && submitter.form === form) form.requestSubmit(submitter);
    else form.requestSubmit();
  }

  function busy(form, submitter, on) {
    const button = submitter || form.querySelector("button[type=submit]");
    if (on) form.dataset.busy = "1";
    else delete form.dataset.busy;
    if (button) button.setAttribute("aria-busy", on ? "true" : "false");
  }

  function submitted(event) {
    const form = event.target;
    const submitter = event.submitter;
    if (form.method !== "post" || !form.querySelector("input[name=session]") || form.id === "expired") return;
    if (form.dataset.busy) { event.preventDefault(); return; }
    const done = checked.get(form) || {};
    checked.delete(form);
    const leaving = form.id === "nav" && Array.from(dirty).some(function (one) { return one.isConnected; });
    const question = (submitter && submitter.dataset.confirm) || (leaving && words.leave) || "";
    if (question && !done.asked) {
      event.preventDefault();
      confirmed(question).then(function (yes) {
        if (!yes) return;
        dirty.clear();
        again(form, submitter, { asked: true });
      });
      return;
    }
    if (session && !done.fresh && Date.now() >= ends - SPARE) {
      event.preventDefault();
      busy(form, submitter, true);
      fresh().then(function () {
        busy(form, submitter, false);
        again(form, submitter, { asked: true, fresh: true });
      }, function (error) {
        busy(form, submitter, false);
        complain(error, submitter && submitter.form === form && form.id !== "nav" ? submitter : null);
      });
      return;
    }
    if (!passing(form)) busy(form, submitter, true);
  }

  /* Forms that only choose what is shown, or fetch a file: nothing in them is lost, and the page stays. */
  function passing(form) {
    return form.hasAttribute("data-passing");
  }

  function touched(event) {
    const form = event.target.form;
    if (form) soil(form);
  }

  function soil(form) {
    if (form.id === "nav" || form.dataset.live || passing(form)) return;
    dirty.add(form);
    form.querySelectorAll("[data-undo]").forEach(function (button) { button.hidden = false; });
  }

  function undone(event) {
    dirty.delete(event.target);
    event.target.querySelectorAll("[data-undo]").forEach(function (button) { button.hidden = true; });
    setTimeout(function () { event.target.dispatchEvent(new Event("input")); }, 0);
  }

  /* Whether a form shows something else than the page came with: people type before scripts run, and a browser
     restores what was typed. */
  function chosen(list) {
    const options = Array.from(list.options);
    if (list.multiple) return options.some(function (one) { return one.selected !== one.defaultSelected; });
    const given = options.filter(function (one) { return one.defaultSelected; }).pop() || options[0];
    return !!given && !given.selected;
  }
  function altered(form) {
    return Array.from(form.elements).some(function (field) {
      if (field.options) return chosen(field);
      if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
      return field.type !== "hidden" && "defaultValue" in field && field.value !== field.defaultValue;
    });
  }

  // --- live parts
  function live(form) {
    const target = document.querySelector(form.dataset.live);
    let timer = 0;
    let number = 0;
    if (!target) return;
    if (!target.hasAttribute("aria-live")) target.setAttribute("aria-live", "polite");
    function look() {
      const mine = ++number;
      const body = new FormData(form);
      body.delete("do");
      target.classList.add("loading");
      target.setAttribute("aria-busy", "true");
      request(form.dataset.url || form.action, body).then(function (answer) {
        if (!answer.ok) throw new Error("status " + answer.status);
        return answer.text();
      }).then(function (html) {
        if (mine !== number) return;
        target.innerHTML = html;
        say("danger", "");
      }).catch(function (error) { if (mine === number) complain(error, target); }).finally(function () {
        if (mine !== number) return;
        target.classList.remove("loading");
        target.setAttribute("aria-busy", "false");
      });
    }
    function later() {
      clearTimeout(timer);
      timer = setTimeout(look, Number(form.dataset.delay || 400));
    }
    form.addEventListener("input", later);
    form.addEventListener("change", later);
    if (altered(form)) later();
  }

  // --- the page of a session that has run out
  function expired(form) {
    const line = document.getElementById("expired-line");
    const button = form.querySelector("button");
    const value = form.elements.session.value;
    function go() {
      line.textContent = line.dataset.working;
      button.hidden = true;
      renew(value).then(function () { form.submit(); }).catch(function () {
        line.textContent = line.dataset.failed;
        button.hidden = false;
        button.focus();
      });
    }
    form.addEventListener("submit", function (event) { event.preventDefault(); go(); });
    go();
  }

  document.addEventListener("submit", submitted);
  document.addEventListener("input", touched);
  document.addEventListener("change", touched);
  document.addEventListener("reset", undone);
  document.addEventListener("click", function (event) {
    const link = event.target.closest && event.target.closest("a[data-open]");
    if (!link || !window.BX24 || !window.BX24.openPath || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    window.BX24.openPath(link.dataset.open);
  });
  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) return;
    document.querySelectorAll("form[data-busy]").forEach(function (form) { busy(form, null, false); });
  });

  window.Molva = { request: request, renew: renew, say: say, portal: portal, confirmed: confirmed, place: place, altered: altered };
  document.querySelectorAll("[data-noscript], [data-undo]").forEach(function (button) { button.hidden = true; });
  document.querySelectorAll("form[data-live]").forEach(live);
  document.querySelectorAll("form[method=post]").forEach(function (form) { if (altered(form)) soil(form); });
  const waiting = document.getElementById("expired");
  if (waiting) expired(waiting);
  const first = document.querySelector("[data-focus]");
  if (first) first.focus();
  fit();
})();
