/* The call desk by keyboard alone (product.md W8): letters and digits, one request for each client, the reservation
   kept alive. Without this script the same forms are posted by their buttons. */
(function () {
  "use strict";
  const desk = document.getElementById("desk");
  const said = document.getElementById("desk-said");
  const keys = document.getElementById("desk-keys");
  if (!desk || !said || !window.Molva || !window.FormData) return;
  const words = desk.dataset;
  const KEEP = 30000; // milliseconds between two signs of life of a client in hand
  const LOOK = 60000; // and between two looks for somebody to call
  const GONE = 30 * 60000; // without a touch for so long, nobody sits here any more
  const PATIENCE = 30000;
  const TEXT = "textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=hidden])";
  const LETTER_OF = { KeyB: "[data-phone]" };
  let armed = null;
  let busy = false;
  let leaving = false; // by a button of the page: nobody has to be asked again
  let posting = false; // without our requests: the client stays in hand
  let touched = Date.now();
  let drawn = Date.now();

  function part() { return desk.querySelector(".desk-part"); }
  function form() { return document.getElementById("desk-form"); }
  function key() { return part().dataset.key || ""; }
  function tell(text) {
    said.textContent = "";
    setTimeout(function () { said.textContent = text; }, 60);
  }

  // --- one request, and the part of the page that it brings
  function bodyOf(value, own) {
    const body = new FormData(form());
    body.delete("do");
    body.set("do", value);
    if (own) new FormData(own).forEach(function (text, name) { if (name.indexOf("amend_") === 0) body.set(name, text); });
    return body;
  }

  function patient(promise) {
    return Promise.race([promise, new Promise(function (_, reject) {
      setTimeout(function () { reject(new TypeError("silence")); }, PATIENCE);
    })]);
  }

  function send(value, button) {
    if (busy) return;
    busy = true;
    if (button) button.setAttribute("aria-busy", "true");
    part().classList.add("loading");
    patient(window.Molva.request(form().action, bodyOf(value, button && button.closest("[data-own]")))).then(function (answer) {
      const type = answer.headers.get("Content-Type") || "";
      if (answer.status >= 500) throw new Error("trouble");
      if (type.indexOf("json") >= 0) throw new Error("denied");
      return answer.text().then(function (html) { show(html, value); });
    }).catch(function (error) {
      const lost = error instanceof TypeError || error.message === "unreachable";
      const text = { trouble: words.trouble, denied: words.denied }[error.message];
      const main = document.getElementById("main").dataset;
      window.Molva.say("danger", text || (lost ? main.lost : main.stale), form().querySelector(".acts"));
    }).finally(function () {
      busy = false;
      if (button && button.isConnected) button.removeAttribute("aria-busy");
      part().classList.remove("loading");
    });
  }

  /* A whole page instead of the part: the address says something else now, a revoked link for example. */
  function show(html, value) {
    const box = document.createElement("template");
    box.innerHTML = html;
    if (!box.content.querySelector(".desk-part")) { plainly(value); return; }
    const before = key();
    desk.replaceChildren(box.content);
    ready(!before || before !== key());
  }

  function plainly(value) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "do";
    field.value = value;
    form().appendChild(field);
    leaving = posting = true;
    HTMLFormElement.prototype.submit.call(form());
  }

  function ready(anew) {
    armed = null;
    dress();
    tell(part().dataset.say);
    const first = desk.querySelector(".notice[data-first]") || desk.querySelector("[data-first]");
    if (first) first.focus({ preventScroll: true });
    if (anew) {
      window.scrollTo(0, 0);
      window.Molva.portal().then(function (bx) { bx.scrollParentWindow(0); }).catch(function () {});
    } else if (first) first.scrollIntoView({ block: "center" });
  }

  function dress() {
    drawn = Date.now();
    desk.querySelectorAll("[data-help]").forEach(function (button) { button.hidden = false; });
    if (window.BX24) desk.querySelectorAll("[data-phone]").forEach(function (button) { button.hidden = false; });
    desk.classList.toggle("keys", true);
  }

  // --- what was typed, what is chosen
  function chosen() { const one = form().querySelector("input[name=score]:checked"); return one ? one.value : ""; }
  function written(name) { const one = form().elements[name]; return one ? one.value.trim() : ""; }
  function typed() {
    if (!key()) return false;
    const extra = Array.from(form().elements).some(function (one) {
      if (one.name.indexOf("q-") !== 0) return false;
      return one.type === "radio" || one.type === "checkbox" ? one.checked : one.value.trim() !== "";
    });
    return !!(chosen() || written("comment") || written("note") || written("call_back_at") || extra);
  }

  function arm(button) {
    disarm();
    armed = button;
    button.classList.add("armed");
    button.focus();
    tell(words.armed.replace("{what}", button.dataset.arm));
  }
  function disarm() {
    if (armed) armed.classList.remove("armed");
    armed = null;
  }

  function press(button) {
    if (button.disabled) return;
    const question = button.dataset.sure;
    if (!question) { send(button.value, button); return; }
    window.Molva.confirmed(question).then(function (yes) { if (yes) send(button.value, button); });
  }

  function save() {
    if (armed && armed.isConnected) { press(armed); return; }
    if (chosen()) { send("save:answered", form().querySelector("[data-answer]")); return; }
    if (written("call_back_at")) { send("save:call_back"); return; }
    tell(words.nothing);
    window.Molva.say("warn", words.nothing, desk.querySelector(".desk-save"));
    score(null);
  }

  function giveBack() {
    if (!typed()) { send("give"); return; }
    window.Molva.confirmed(words.give).then(function (yes) { if (yes) send("give"); });
  }

  function score(value) {
    const field = form().querySelector("input[name=score]" + (value === null ? "" : "[value='" + value + "']"));
    if (!field) return;
    if (value !== null) { field.checked = true; disarm(); window.Molva.say("warn", ""); }
    field.focus();
  }
  function noScore() {
    form().querySelectorAll("input[name=score]").forEach(function (one) { one.checked = false; });
  }

  // --- the keyboard
  function digit(event) {
    const found = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
    if (found) return Number(found[1]);
    return event.code === "Minus" || event.code === "NumpadSubtract" ? 10 : null;
  }

  function inText(target) { return target.closest ? target.closest(TEXT) : null; }

  function pressed(event) {
    touched = Date.now();
    if (event.isComposing || document.querySelector("dialog[open]") || !form()) return;
    const field = inText(event.target);
    const own = event.target.closest && event.target.closest("[data-own]"); // another answer is being put right
    if (own && event.key === "Enter" && (event.ctrlKey || event.metaKey)) { stop(event); press(own.querySelector("[name=do]")); return; }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { if (key()) { stop(event); save(); } return; }
    if (event.key === "Escape") { if (key()) { stop(event); escaped(field); } return; }
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (field) { entered(event, field); return; }
    if (event.repeat) { if (event.key === "Enter") stop(event); return; }
    if (event.key === "?") { stop(event); help(); return; }
    if (event.shiftKey) return;
    if (event.key === "Enter") { enter(event); return; }
    const none = event.key === "Delete" || event.key === "Backspace";
    const number = digit(event);
    if (key() && (none || number !== null) && besides(event, number)) return;
    if (key() && none) { stop(event); noScore(); return; }
    if (key() && number !== null) { stop(event); score(number); return; }
    letter(event);
  }

  /* Within an extra question digits answer that question, never the score; Delete takes its answer back. */
  function besides(event, number) {
    const group = event.target.closest && event.target.closest(".desk-extra fieldset");
    if (!group) return false;
    stop(event);
    const one = number === null ? null : group.querySelector("input[value='" + number + "']");
    if (one) { one.checked = true; one.focus(); }
    if (number === null) group.querySelectorAll("input").forEach(function (input) { input.checked = false; });
    return true;
  }

  /* From the score to the words; where nothing is focused, to the next client. Buttons and links press themselves. */
  function enter(event) {
    const next = desk.querySelector("[data-first][name=do]");
    if (key() && event.target.name === "score") { stop(event); document.getElementById("desk-comment").focus(); }
    else if (!key() && next && event.target === document.body) { stop(event); press(next); }
  }

  function entered(event, field) {
    if (event.key !== "Enter" || !field.dataset.enter || event.shiftKey) return;
    stop(event);
    send(field.dataset.enter);
  }

  function escaped(field) {
    if (!field) { giveBack(); return; }
    field.blur();
    const next = armed || form().querySelector("[data-answer]");
    next.focus({ preventScroll: true });
  }

  function letter(event) {
    const one = desk.querySelector("[data-key=" + (/^Key[A-Z]$/.test(event.code) ? event.code : "none") + "]") ||
      desk.querySelector(LETTER_OF[event.code] || "none");
    if (!one || one.hidden) return;
    stop(event);
    if (one.dataset.arm) arm(one);
    else if (one.hasAttribute("data-press")) { one.focus(); one.click(); }
    else if (one.dataset.phone) one.click();
    else one.focus();
  }

  function stop(event) { event.preventDefault(); event.stopPropagation(); }

  function help() {
    const opener = document.activeElement;
    keys.showModal();
    window.Molva.place(keys, opener);
  }

  // --- the pointer, and buttons pressed by Enter
  function submitted(event) {
    if (!desk.contains(event.target)) return;
    stop(event);
    if (event.submitter) press(event.submitter);
  }
  function left(event) { if (!event.defaultPrevented && !desk.contains(event.target) && event.target !== keys.querySelector("form")) leaving = true; }

  function clicked(event) {
    touched = Date.now();
    const target = event.target.closest ? event.target : null;
    if (!target) return;
    if (target.closest("[data-help]")) { help(); return; }
    if (target.closest("[data-back]")) { stop(event); giveBack(); return; }
    const phone = target.closest("[data-phone]");
    if (phone) dial(phone);
  }

  /* The portal's own telephony: its newer way where the frame offers it, else the older one. */
  function dial(button) {
    const number = button.dataset.phone;
    const newer = window.BX && window.BX.Messenger && window.BX.Messenger.Public;
    window.Molva.portal().then(function (bx) {
      if (newer && newer.startPhoneCall) return newer.startPhoneCall(number);
      return bx.im.phoneTo(number);
    }).catch(function () { window.Molva.say("warn", button.dataset.unheard, button.parentNode); });
  }

  function changed(event) {
    if (event.target.name === "score") disarm();
    if (event.target.name !== "auto") return;
    event.stopPropagation(); /* a habit, nothing that could be lost */
    if (event.type === "change") remember(event.target.checked);
  }

  // --- "the next client at once" is this person's habit, kept in this browser
  function remember(on) { try { window.localStorage.setItem("molva-desk-auto", on ? "1" : "0"); } catch (error) { return; } }
  function recall() {
    let kept = null;
    try { kept = window.localStorage.getItem("molva-desk-auto"); } catch (error) { kept = null; }
    const box = form().querySelector("input[type=checkbox][name=auto]");
    if (box && kept !== null) box.checked = kept === "1";
  }

  // --- the reservation lives as long as somebody sits here
  function keep() {
    const mine = key();
    if (!mine || busy || Date.now() - touched > GONE) return;
    window.Molva.request(form().action, bodyOf("keep"), "application/json").then(function (answer) {
      if (answer.status === 410) return { mine: false }; /* the link of a call centre has ended */
      return answer.ok ? answer.json() : null;
    }).then(function (body) {
      if (!body || key() !== mine) return;
      const lost = document.getElementById("desk-lost");
      if (lost) lost.hidden = body.mine;
    }).catch(function () {}); /* The next one may get through; saving says it if none does. */
  }

  /* The clock where the client is goes on; readers are not told of it. */
  function tick() {
    const time = desk.querySelector("[data-time]");
    if (!time) return;
    const start = /^(\d+):(\d+)$/.exec(time.dataset.time);
    const minutes = (Number(start[1]) * 60 + Number(start[2]) + Math.floor((Date.now() - drawn) / 60000)) % 1440;
    time.textContent = String(Math.floor(minutes / 60)).padStart(2, "0") + ":" + String(minutes % 60).padStart(2, "0");
  }

  /* Without a client in hand: look whether somebody can be called by now. Only news are shown and told. */
  function look() {
    if (key() || busy || document.hidden || Date.now() - touched > GONE || document.querySelector("dialog[open]")) return;
    const before = part().dataset.state;
    window.Molva.request(form().action, bodyOf("")).then(function (answer) {
      return answer.ok ? answer.text() : "";
    }).then(function (html) {
      const box = document.createElement("template");
      box.innerHTML = html;
      const next = box.content.querySelector(".desk-part");
      if (!next || busy || key() || part().dataset.state !== before || next.dataset.state === before) return;
      const inside = desk.contains(document.activeElement);
      desk.replaceChildren(box.content);
      dress();
      recall();
      tell(part().dataset.say);
      const first = desk.querySelector("[data-first]");
      if (inside && first) first.focus({ preventScroll: true });
    }).catch(function () {});
  }

  /* Whoever closes the page gives the client back at once; a value that has run out does no harm. */
  function hidden() {
    if (!key() || busy || posting || !navigator.sendBeacon) return;
    const body = new URLSearchParams(bodyOf("give"));
    ["comment", "note", "score"].forEach(function (name) { body.delete(name); });
    navigator.sendBeacon(form().action, body);
  }

  window.addEventListener("keydown", pressed, true);
  window.addEventListener("submit", submitted, true);
  window.addEventListener("click", clicked, true);
  window.addEventListener("submit", left);
  desk.addEventListener("change", changed);
  desk.addEventListener("input", changed);
  window.addEventListener("pointerdown", function () { touched = Date.now(); }, { passive: true });
  window.addEventListener("pagehide", hidden);
  window.addEventListener("pageshow", function (event) { if (event.persisted) keep(); });
  window.addEventListener("beforeunload", function (event) { if (typed() && !busy && !leaving) event.preventDefault(); });
  setInterval(keep, KEEP);
  setInterval(look, LOOK);
  setInterval(tick, 15000);
  dress();
  recall();
  const first = desk.querySelector("[data-first]");
  if (first) first.focus({ preventScroll: true });
  keep();
})();
