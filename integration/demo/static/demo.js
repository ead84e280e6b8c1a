// Keeps the panel's parts fresh and sends its forms without leaving the page. Everything works without it.
(function () {
  "use strict";
  if (matchMedia("(min-width: 52.01rem)").matches) {
    for (const fold of document.querySelectorAll("details[data-wide]")) fold.open = true;
  }
  const live = document.querySelector("[data-live]");
  if (!live) return;
  let timer = 0;

  function put(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const part of fresh.querySelectorAll("section[id^=part-]")) {
      const old = document.getElementById(part.id);
      if (old && old.outerHTML !== part.outerHTML) old.replaceWith(document.importNode(part, true));
    }
    const clock = document.getElementById("part-clock");
    const busy = clock.dataset.busy === "1";
    for (const button of document.querySelectorAll("[data-controls] button:not(.stop)")) button.disabled = busy;
    live.dataset.lost = "";
  }

  async function look() {
    clearTimeout(timer);
    try {
      const answer = await fetch(live.dataset.live, { headers: { Accept: "text/html" } });
      if (answer.ok) put(await answer.text());
    } catch (error) {
      live.dataset.lost = "1";
    }
    timer = setTimeout(look, document.hidden ? 5000 : 1000);
  }

  // The demo is being started anew under the same address: wait until it has gone and come back.
  async function anew() {
    clearTimeout(timer);
    let gone = false;
    for (;;) {
      await new Promise(function (done) { setTimeout(done, 500); });
      try {
        const answer = await fetch(live.dataset.live, { headers: { Accept: "text/html" } });
        if (answer.ok && gone) { location.reload(); return; }
      } catch (error) {
        gone = true;
        live.dataset.lost = "1";
      }
    }
  }

  document.addEventListener("submit", async function (event) {
    const form = event.target;
    if (!form.matches("[data-send]")) return;
    event.preventDefault();
    if (form.dataset.sure && !form.dataset.asked) { // frames of other addresses may open no dialogs: press twice
      form.dataset.asked = "1";
      event.submitter.textContent = form.dataset.sure;
      return;
    }
    const body = new FormData(form);
    const button = event.submitter;
    if (button && button.name) body.set(button.name, button.value);
    const toggle = form.querySelector("[role=switch]");
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(body), headers: { "X-Requested-With": "fetch" },
      });
      if (answer.ok && form.dataset.again) {
        event.submitter.textContent = form.dataset.again;
        event.submitter.disabled = true;
        return anew();
      }
      if (answer.ok && toggle) {
        const on = toggle.getAttribute("aria-checked") !== "true";
        toggle.setAttribute("aria-checked", String(on));
        form.elements.on.value = on ? "0" : "1";
      }
    } catch (error) {
      live.dataset.lost = "1";
    }
    look();
  });

  timer = setTimeout(look, 1000);
})();
