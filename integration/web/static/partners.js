/* Copies the address of a new link. Without this script it is marked and copied by hand. */
(function () {
  "use strict";
  document.querySelectorAll("[data-copy]").forEach(function (button) {
    const field = document.getElementById(button.dataset.copy);
    if (!field) return;
    button.hidden = false;
    field.addEventListener("focus", function () { field.select(); });
    button.addEventListener("click", function () {
      field.select();
      const done = navigator.clipboard ? navigator.clipboard.writeText(field.value)
        : Promise.resolve(document.execCommand("copy"));
      done.catch(function () { return document.execCommand("copy"); }).then(function () {
        window.Molva.say("good", button.dataset.copied, button.parentNode);
      });
    });
  });
})();
