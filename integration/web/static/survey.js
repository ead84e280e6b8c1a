/* Asks for a one-time value as soon as a person touches a form of the page, and sends it with that form
   (product.md S1). Without this script everything works too, with one more step. */
(function () {
  "use strict";
  var forms = Array.prototype.slice.call(document.querySelectorAll("form[data-prove]"));
  if (!forms.length || !window.fetch || !window.URLSearchParams) return;
  var used = forms[0]; /* the form a person was in last */

  function guard(form) {
    var proof = form.elements.proof;
    var waiting = null;
    var sent = false;
    var line = form.querySelector(".waiting");

    function ask(type) {
      var stop = window.AbortController ? new AbortController() : null;
      var timer = setTimeout(function () { if (stop) stop.abort(); }, 15000); /* a slow line is no machine */
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
      var target = event.target;
      if (target.closest && target.closest("a")) return; /* on the way to another page */
      if (form.contains(target)) used = form;
      else if (forms.length > 1) return; /* meant for another form */
      if (event.isTrusted && !proof.value && !waiting) waiting = ask(event.type);
    }

    ["pointerdown", "keydown", "click"].forEach(function (name) {
      document.addEventListener(name, touched, true);
    });

    form.addEventListener("submit", function (event) {
      var chosen = form.dataset.missing && form.querySelector("input[type=radio]");
      if (chosen && !form.querySelector("input[type=radio]:checked")) {
        event.preventDefault();
        document.getElementById("score-problem").textContent = form.dataset.missing;
        form.querySelector(".scale").classList.add("wrong");
        chosen.focus();
        return;
      }
      if (sent) { event.preventDefault(); return; }
      sent = true;
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
      if (line) line.textContent = "";
    });
  }

  forms.forEach(guard);

  /* Changing the language keeps what has been chosen and written. */
  document.querySelectorAll("a[data-language]").forEach(function (link) {
    link.addEventListener("click", function (event) {
      var form = used;
      var typed = form.elements.comment || form.elements.words || form.dataset.purpose === "extra";
      if (!typed || event.ctrlKey || event.metaKey || event.shiftKey) return;
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
