/* One letter's words: buttons that insert places, the preview as one types, the fate of a test letter.
   Without it the page has a button for each of them. */
(function () {
  "use strict";
  const form = document.getElementById("letter");
  if (!form || !window.Molva) return;
  document.getElementById("main").classList.add("scripted");
  const fields = ["subject", "before", "after"].map(function (name) { return form.elements[name]; }).filter(Boolean);
  const frame = document.getElementById("frame");
  const look = document.getElementById("look");
  const clients = document.getElementById("clients");
  let last = form.elements.before;
  let timer = 0;
  let number = 0;

  // --- inserting places
  function allowed() {
    document.querySelectorAll("[data-insert]").forEach(function (chip) {
      chip.disabled = last.name === "subject" && !chip.dataset.fact;
    });
  }
  fields.forEach(function (field) {
    field.addEventListener("focus", function () { last = field; allowed(); });
  });
  document.addEventListener("click", function (event) {
    const chip = event.target.closest && event.target.closest("[data-insert]");
    if (!chip) return;
    const text = chip.dataset.insert;
    last.focus();
    last.setRangeText(text, last.selectionStart, last.selectionEnd, "end");
    last.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // --- the preview
  /* A button says what it inserts becomes for the client who is shown. */
  function name(row) {
    const chip = document.querySelector('[data-insert="' + row.querySelector("code").textContent + '"]');
    if (chip) chip.title = row.querySelector("dd").textContent.trim();
  }

  function parts(html) {
    const box = document.createElement("div");
    box.innerHTML = html;
    const told = box.querySelector("[data-part=told]");
    const example = box.querySelector("[data-part=example]");
    if (told) told.querySelectorAll("div").forEach(name);
    if (told) document.getElementById("told").replaceChildren.apply(document.getElementById("told"), Array.from(told.childNodes));
    if (example) document.getElementById("example").textContent = example.textContent;
    if (look.querySelector("[data-part=trouble]").innerHTML !== box.querySelector("[data-part=trouble]").innerHTML) {
      look.querySelector("[data-part=trouble]").replaceWith(box.querySelector("[data-part=trouble]"));
    }
    look.querySelector("[data-part=envelope]").replaceWith(box.querySelector("[data-part=envelope]"));
  }

  /* A new frame each time: letters typed over an hour leave no trail behind the browser's back button. */
  function show() {
    const fresh = document.createElement("iframe");
    const carrier = document.createElement("form");
    fresh.name = "letter-view-" + number;
    fresh.title = frame.dataset.title;
    fresh.setAttribute("sandbox", "");
    fresh.referrerPolicy = "no-referrer";
    carrier.method = "post";
    carrier.action = form.dataset.shown;
    carrier.target = fresh.name;
    carrier.hidden = true;
    new FormData(form).forEach(function (value, name) {
      if (name === "do") return;
      const input = document.createElement("textarea");
      input.name = name;
      input.value = value;
      carrier.appendChild(input);
    });
    fresh.style.opacity = "0";
    frame.appendChild(fresh);
    document.body.appendChild(carrier);
    let begun = false;
    fresh.addEventListener("load", function () {
      if (!begun) return;
      fresh.style.opacity = "";
      fresh.dataset.shown = "1";
      while (fresh.previousElementSibling) fresh.previousElementSibling.remove(); /* newer ones are still on their way */
    });
    begun = true;
    carrier.submit();
    carrier.remove();
    const coming = frame.querySelectorAll("iframe:not([data-shown])");
    if (coming.length > 3) coming[0].remove();
  }

  function refresh() {
    const mine = ++number;
    const body = new FormData(form);
    body.delete("do");
    frame.classList.add("stale");
    window.Molva.request(form.dataset.look, body).then(function (answer) {
      if (!answer.ok) throw new Error("status " + answer.status);
      return answer.text();
    }).then(function (html) {
      if (mine !== number) return;
      parts(html);
      show();
    }).catch(function () {}).finally(function () {
      if (mine === number) frame.classList.remove("stale");
    });
  }
  function later() {
    clearTimeout(timer);
    timer = setTimeout(refresh, 400);
  }
  fields.forEach(function (field) { field.addEventListener("input", later); });
  form.addEventListener("input", function (event) { if (event.target === form) later(); });
  if (window.Molva.altered(form)) later();
  document.addEventListener("change", function (event) {
    const name = event.target.name;
    if (event.target.form === form && (name === "client" || name === "view")) refresh();
  });
  const narrow = document.getElementById("narrow");
  narrow.addEventListener("change", function () { frame.classList.toggle("narrow", narrow.checked); });

  // --- the client it is shown on
  let search = 0;
  /* Whoever was chosen while the list was on its way stays chosen. */
  function list(html) {
    const chosen = clients.querySelector("input:checked");
    const inside = clients.contains(document.activeElement);
    clients.innerHTML = html;
    const rows = Array.from(clients.querySelectorAll("input"));
    let same = chosen && rows.find(function (one) { return one.value === chosen.value; });
    if (chosen && !same) {
      clients.querySelector(".letter-clients").appendChild(chosen.closest("label"));
      same = chosen;
    }
    if (!same) return;
    same.checked = true;
    if (inside) same.focus();
  }
  function find() {
    const mine = ++search;
    window.Molva.request(clients.dataset.url, new FormData(form)).then(function (answer) {
      if (!answer.ok) throw new Error("status " + answer.status);
      return answer.text();
    }).then(function (html) { if (mine === search) list(html); }).catch(function () {});
  }
  let wait = 0;
  form.elements.wanted.addEventListener("input", function () {
    clearTimeout(wait);
    wait = setTimeout(find, 300);
  });
  form.elements.wanted.addEventListener("keydown", function (event) {
    if (event.key === "Enter") { event.preventDefault(); find(); }
  });

  allowed();
  document.querySelectorAll("#told .letter-told > div").forEach(name);
  show();
})();
