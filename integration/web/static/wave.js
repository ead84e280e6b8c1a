/* What is chosen in the filter goes into the address of its form, so that it outlives a renewed session. */
(function () {
  "use strict";
  document.querySelectorAll("form[data-address]").forEach(function (form) {
    const bare = form.getAttribute("action");
    form.addEventListener("submit", function () {
      const query = new URLSearchParams();
      form.querySelectorAll("select[name], input[type=search][name]").forEach(function (field) {
        if (field.value) query.set(field.name, field.value);
      });
      const text = query.toString();
      form.setAttribute("action", text ? bare + "?" + text : bare);
    });
  });
})();
