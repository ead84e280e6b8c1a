/* Parts that move by themselves: progress is asked for every few seconds until it is over (product.md P4).
   Without it people press "Look again". */
(function () {
  "use strict";
  const EVERY = 2500; // milliseconds
  if (!window.Molva) return;
  document.querySelectorAll("[data-poll]").forEach(function (place) {
    let failures = 0;
    place.setAttribute("aria-live", "polite");
    function over() {
      /* A button was pressed: its page is on its way, and this one would take its place. */
      if (document.querySelector("form[data-busy]")) { setTimeout(over, EVERY); return; }
      const nav = document.getElementById("nav");
      nav.action = place.dataset.then || place.dataset.poll;
      nav.requestSubmit();
    }
    function look() {
      const body = new FormData();
      body.set("part", place.dataset.part);
      window.Molva.request(place.dataset.poll, body).then(function (answer) {
        if (!answer.ok) throw new Error("status " + answer.status);
        return answer.text();
      }).then(function (html) {
        failures = 0;
        const found = document.createElement("div");
        found.innerHTML = html;
        if (found.querySelector("[data-done]") && place.dataset.then !== "stay") { over(); return; }
        if (place.innerHTML !== html) place.innerHTML = html;
        if (!found.querySelector("[data-done]")) setTimeout(look, EVERY);
      }).catch(function () {
        failures += 1;
        if (failures < 20) setTimeout(look, EVERY * Math.min(failures, 6));
      });
    }
    setTimeout(look, EVERY);
  });
})();
