// The console without this file works by reloading; with it, open pages follow what happens.
"use strict";

(() => {
  const csrf = document.body.dataset.csrf;
  // The one place where HTML is put into the page: what our own server rendered, every value in it escaped.
  const policy = window.trustedTypes
    ? window.trustedTypes.createPolicy("farol", { createHTML: (text) => text })
    : { createHTML: (text) => text };

  function follow(region) {
    const live = document.getElementById("live");
    let reading = false;
    let again = false;

    async function read() {
      if (reading) { again = true; return; }
      reading = true;
      try {
        const response = await fetch(region.dataset.live, { headers: { "X-Farol-Form": csrf } });
        if (response.status === 401 || response.status === 404) { location.reload(); return; }
        if (!response.ok) { return; }
        swap(region, await response.text());
      } catch { /* the stream says when the line is back */ } finally {
        reading = false;
        if (again) { again = false; read(); }
      }
    }

    let events;
    function listen() {
      events = new EventSource(region.dataset.stream);
      events.addEventListener("changed", () => { live.hidden = true; read(); });
      events.addEventListener("over", () => { events.close(); location.reload(); });
      events.addEventListener("error", () => {
        live.textContent = document.body.dataset.lost;
        live.hidden = false;
        if (events.readyState === EventSource.CLOSED) {
          // Refused, not cut off: the browser gives up for good. `read` finds out whether the session is over.
          read();
          setTimeout(listen, 5000);
        }
      });
    }
    listen();
    window.addEventListener("pagehide", () => events.close());
    // Waiting times go on though nothing happens.
    setInterval(read, 60000);
  }

  function swap(region, html) {
    const fresh = document.createElement("template");
    fresh.innerHTML = policy.createHTML(html);
    if (fresh.innerHTML === region.dataset.last) { return; }
    region.dataset.last = fresh.innerHTML;
    const open = [...region.querySelectorAll("details")].map((one) => one.open);
    const held = region.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const list = region.querySelector(".transcript");
    const before = list ? list.children.length : 0;
    const low = window.innerHeight + window.scrollY >= document.body.scrollHeight - 250;
    region.replaceChildren(fresh.content);
    region.querySelectorAll("details").forEach((one, index) => { one.open = open[index] || false; });
    if (held) {
      const link = [...region.querySelectorAll("a")].find((one) => one.getAttribute("href") === held);
      if (link) { link.focus({ preventScroll: true }); }
    }
    const now = region.querySelector(".transcript");
    if (now && now.children.length > before && low && now.lastElementChild) {
      now.lastElementChild.scrollIntoView({ block: "nearest" });
    }
  }

  function counts(form) {
    const text = form.querySelector("textarea");
    const said = form.querySelector("#cost");
    let timer = 0;
    async function count() {
      const body = new URLSearchParams({ text: text.value });
      try {
        const response = await fetch(form.dataset.cost, { method: "POST", body, headers: { "X-Farol-Form": csrf } });
        if (response.ok) {
          const found = await response.json();
          said.textContent = found.said;
          said.classList.toggle("over", !found.fits);
        }
      } catch { /* the server counts again when it is sent */ }
    }
    text.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(count, 250); });
    const canned = form.querySelector("#canned");
    canned.addEventListener("change", () => {
      if (!canned.value || text.disabled) { return; }
      text.value = text.value.trim() ? `${text.value.trim()}\n${canned.value}` : canned.value;
      canned.value = "";
      text.focus();
      count();
    });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { form.requestSubmit(); }
    });
    form.addEventListener("submit", () => { form.querySelector("button").setAttribute("aria-busy", "true"); });
  }

  document.querySelectorAll("[data-live]").forEach(follow);
  document.querySelectorAll("form[data-cost]").forEach(counts);
  document.querySelectorAll("[data-print]").forEach((one) => {
    one.hidden = false;
    one.addEventListener("click", () => window.print());
  });
  document.querySelectorAll("form[data-auto] select").forEach((one) => {
    one.addEventListener("change", () => one.form.requestSubmit());
  });
  const last = document.querySelector(".transcript > li:last-child");
  if (last && !document.getElementById("fault")) { last.scrollIntoView({ block: "center" }); }
})();
