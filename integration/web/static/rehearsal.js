/* The letter of the chosen person is shown at once and changes with the choice; without this there are buttons. */
(function () {
  "use strict";
  const form = document.getElementById("letter");
  const frame = document.getElementById("frame");
  if (!form || !window.Molva) return;

  /* The view alone changes the frame; another letter has another envelope, so the page comes anew. */
  function show() {
    if (!frame) return;
    const carrier = document.createElement("form");
    carrier.method = "post";
    carrier.action = form.dataset.shown;
    carrier.target = "letter-view";
    carrier.hidden = true;
    new FormData(form).forEach(function (value, name) {
      if (["do", "address", "once"].includes(name)) return;
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = value;
      carrier.appendChild(input);
    });
    document.body.appendChild(carrier);
    carrier.submit();
    carrier.remove();
  }
  form.addEventListener("change", function (event) {
    if (event.target.name === "letter") form.requestSubmit();
    else if (event.target.name === "view") show();
  });
  show();
})();
