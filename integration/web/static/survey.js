/* Asks for a one-time value as soon as a person touches the page, and sends it with the form (product.md S1).
   Without this script everything works too, with one more step. */
(function () {
  "use strict";
  var form = document.getElementById("answer");
  if (!form || !form.dataset.prove || !window.fetch || !window.URLSearchParams) return;
  var proof = form.elements.proof;
  var waiting = null;
  var sent = false;

  function ask(type) {
    var stop = window.AbortController ? new AbortController() : null;
    var timer = setTimeout(function () { if (stop) stop.abort(); }, 5000);
    return fetch(form.dataset.prove, {
      method: "POST",
      credentials: "omit",
      signal: stop ? stop.signal : undefined,
      body: new URLSearchParams({
        nonce: form.elements.nonce.value,
        purpose: form.dataset.purpose,
        trusted: "true",
        type: type
      })
    }).then(function (answer) {
      return answer.ok ? answer.json() : {};
    }).then(function (body) {
      proof.value = body.proof || "";
    }).catch(function () {
      /* No value: the server asks the person once more. */
    }).then(function () {
      clearTimeout(timer);
      if (!proof.value) waiting = null;
    });
  }

  function touched(event) {
    if (event.target.closest && event.target.closest("a")) return; /* on the way to another page */
    if (event.isTrusted && !proof.value && !waiting) waiting = ask(event.type);
  }

  ["pointerdown", "keydown", "click"].forEach(function (name) {
    document.addEventListener(name, touched, true);
  });

  form.addEventListener("submit", function (event) {
    var chosen = form.querySelector("input[type=radio]");
    if (chosen && !form.querySelector("input[type=radio]:checked")) {
      event.preventDefault();
      document.getElementById("score-problem").textContent = form.dataset.missing;
      form.querySelector(".scale").classList.add("wrong");
      chosen.focus();
      return;
    }
    if (sent) { event.preventDefault(); return; }
    sent = true;
    var line = form.querySelector(".waiting");
    if (line) line.textContent = line.dataset.waiting;
    if (proof.value || !waiting) return;
    event.preventDefault();
    waiting.then(function () { form.submit(); });
  });

  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) return;
    sent = false;
    waiting = null;
    proof.value = "";
    var line = form.querySelector(".waiting");
    if (line) line.textContent = "";
  });

  /* Changing the language keeps what has been chosen and written. */
  document.querySelectorAll("a[data-language]").forEach(function (link) {
    link.addEventListener("click", function (event) {
      if (!(form.elements.comment || form.elements.words) || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      form.elements.lang.value = link.dataset.language;
      var field = document.createElement("input");
      field.type = "hidden";
      field.name = "switch";
      field.value = "1";
      form.appendChild(field);
      form.submit();
    });
  });
})();
