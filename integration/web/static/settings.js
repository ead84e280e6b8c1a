/* Settings: rows are added on the spot, a chosen employee's card fills the fields, a long count goes on by itself,
   and whoever leaves with unsaved changes is asked. Without it everything works by buttons. */
(function () {
  "use strict";
  const form = document.getElementById("sheet");
  if (!form || !window.Molva) return;
  const live = document.getElementById("live");
  const unsaved = document.getElementById("unsaved");
  const undo = form.querySelectorAll("[data-undo]");
  const brief = document.getElementById("brief");
  let leaving = false;

  function dirty() { return !!live.querySelector("[data-changed]"); }

  function mark() {
    const on = dirty();
    unsaved.hidden = !on;
    undo.forEach(function (button) { button.hidden = !on; });
    const short = live.querySelector("[data-brief]");
    brief.hidden = !short;
    brief.textContent = short ? short.textContent : "";
  }

  function changed(element) { element.dispatchEvent(new Event("input", { bubbles: true })); }

  // --- rows
  form.addEventListener("click", function (event) {
    const button = event.target.closest && event.target.closest("[data-add]");
    if (!button) return;
    const place = document.querySelector(button.dataset.add);
    const template = document.querySelector(button.dataset.template || "#row");
    if (!place || !template) return;
    event.preventDefault();
    const number = Number(place.dataset.next);
    place.dataset.next = String(number + 1);
    const holder = document.createElement("div");
    holder.innerHTML = template.innerHTML.replaceAll("__N__", String(number));
    const row = holder.firstElementChild;
    place.appendChild(row);
    cities();
    const first = row.querySelector("select, input:not([type=hidden]):not([type=checkbox])");
    if (first) first.focus();
  });

  // --- who is chosen
  const cards = document.getElementById("cards");
  const known = cards ? JSON.parse(cards.dataset.cards) : {};
  form.addEventListener("change", function (event) {
    const match = /^(senders-\d+-)person$/.exec(event.target.name || "");
    const card = match && known[event.target.value];
    if (!card) return;
    ["name", "position", "email", "phone"].forEach(function (name, place) {
      form.elements[match[1] + name].value = card[place] || "";
    });
    const face = event.target.closest(".signer");
    if (face) face.querySelector(".signer-name .name").textContent = card[0];
  });

  // --- cities of the clients: a click adds one to a person, and what somebody signs is offered to nobody else
  const offers = form.querySelectorAll("[data-city]").length > 0;
  function cities() {
    if (!offers) return;
    const taken = new Set();
    form.querySelectorAll(".signer:not([data-gone]) input[name$=-cities]").forEach(function (input) {
      input.value.split(/[,;\n]/).forEach(function (one) { taken.add(one.trim().toLowerCase()); });
    });
    form.querySelectorAll("[data-city]").forEach(function (button) {
      button.hidden = taken.has(button.dataset.city.trim().toLowerCase());
    });
    form.querySelectorAll(".offers").forEach(function (group) { group.hidden = !group.querySelector("[data-city]:not([hidden])"); });
  }
  form.addEventListener("input", cities);
  form.addEventListener("reset", function () { setTimeout(cities); });
  form.addEventListener("click", function (event) {
    const button = event.target.closest && event.target.closest("[data-city]");
    const input = button && button.closest(".signer").querySelector("input[name$=-cities]");
    if (!input) return;
    event.preventDefault();
    const before = input.value.replace(/[\s,]+$/, "");
    input.value = (before ? before + ", " : "") + button.dataset.city;
    input.focus();
    changed(input);
  });

  // --- a count that is not finished goes on
  new MutationObserver(function () {
    mark();
    const more = live.querySelector("[data-more]");
    live.querySelectorAll("[data-noscript]").forEach(function (button) { button.hidden = true; });
    if (more) changed(more);
  }).observe(live, { childList: true });
  const first = live.querySelector("[data-more]");
  if (first) changed(first);
  mark();
  cities();

  // --- leaving
  document.addEventListener("submit", function (event) {
    if (event.target.id !== "nav" || leaving || !dirty()) return;
    const button = event.submitter;
    event.preventDefault();
    event.stopImmediatePropagation();
    window.Molva.confirmed(form.dataset.leave).then(function (yes) {
      if (!yes) return;
      leaving = true;
      event.target.requestSubmit(button);
    });
  }, true);
})();
