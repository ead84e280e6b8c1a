/* The letter of the last step is shown as it will look; without this it stands there as text. */
(function () {
  "use strict";
  const form = document.getElementById("shown");
  if (form && window.Molva) form.submit();
})();
