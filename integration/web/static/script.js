/* The words of a call: buttons that insert places, the preview as one types. Without it the page has a button for it. */
(function () {
  "use strict";
  const form = document.getElementById("letter");
  if (!form || !window.Molva) return;
  document.getElementById("main").classList.add("scripted");
  const fields = Array.from(form.querySelectorAll("textarea"));
  const look = document.getElementById("look");
  const clients = document.getElementById("clients");
  let last = fields[0];
  let timer = 0;
  let number = 0;

  fields.forEach(function (field) {
    field.addEventListener("focus", function () { last = field; });
    field.addEventListener("input", later);
  });
  document.addEventListener("click", function (event) {
    const chip = event.target.closest && event.target.closest("[data-insert]");
    if (!chip) return;
    last.focus();
    last.setRangeText(chip.dataset.insert, last.selectionStart, last.selectionEnd, "end");
    last.dispatchEvent(new Event("input", { bubbles: true }));
  });

  /* Each part is put in only where it changed: readers are told of nothing else. */
  function parts(html) {
    const box = document.createElement("div");
    box.innerHTML = html;
    ["trouble", "heard"].forEach(function (name) {
      const old = look.querySelector("[data-part=" + name + "]");
      const fresh = box.querySelector("[data-part=" + name + "]");
      if (old.innerHTML !== fresh.innerHTML) old.replaceChildren.apply(old, Array.from(fresh.childNodes));
    });
    const told = document.getElementById("told");
    told.replaceChildren.apply(told, Array.from(box.querySelector("[data-part=told]").childNodes));
    document.getElementById("example").textContent = box.querySelector("[data-part=example]").textContent;
  }
  function refresh() {
    const mine = ++number;
    const body = new FormData(form);
    body.delete("do");
    window.Molva.request(form.dataset.look, body).then(function (answer) {
      if (!answer.ok) throw new Error("status " + answer.status);
      return answer.text();
    }).then(function (html) { if (mine === number) parts(html); }).catch(function () {});
  }
  function later() {
    clearTimeout(timer);
    timer = setTimeout(refresh, 400);
  }
  form.addEventListener("reset", function () { setTimeout(refresh, 0); });
  document.addEventListener("change", function (event) {
    if (event.target.form === form && event.target.name === "client") refresh();
  });

  let search = 0;
  let wait = 0;
  function find() {
    const mine = ++search;
    window.Molva.request(clients.dataset.url, new FormData(form)).then(function (answer) {
      if (!answer.ok) throw new Error("status " + answer.status);
      return answer.text();
    }).then(function (html) {
      if (mine !== search) return;
      const chosen = clients.querySelector("input:checked");
      clients.innerHTML = html;
      if (!chosen) return;
      const same = Array.from(clients.querySelectorAll("input")).find(function (one) { return one.value === chosen.value; });
      if (same) same.checked = true;
      else clients.querySelector(".letter-clients").appendChild(chosen.closest("label"));
    }).catch(function () {});
  }
  form.elements.wanted.addEventListener("input", function () {
    clearTimeout(wait);
    wait = setTimeout(find, 300);
  });
  form.elements.wanted.addEventListener("keydown", function (event) {
    if (event.key === "Enter") { event.preventDefault(); find(); }
  });
  if (window.Molva.altered(form)) later();
})();
