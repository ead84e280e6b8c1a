/* The confirmation steps are for people without a script. Where a script does run, their one-time value is put aside
   until a person touches the page: whatever fills in forms and sends them by itself sends none (product.md S1). */
(function () {
  "use strict";
  var aside = [];
  document.querySelectorAll("[data-once]").forEach(function (field) {
    aside.push([field, field.getAttribute("value")]);
    field.value = "";
  });
  ["pointerdown", "keydown", "click"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      if (!event.isTrusted) return;
      aside.forEach(function (pair) { pair[0].value = pair[1]; });
    }, true);
  });
})();
