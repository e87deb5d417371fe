"use strict";
// `gallery.html#61` leads to the page that has session 61.
const found = document.getElementById("found"), idx = document.getElementById("idx");
const pages = new Map();
for (const row of document.querySelectorAll("tr[data-clients]")) {
  const file = row.querySelector("a").getAttribute("href");
  for (const client of JSON.parse(row.dataset.clients)) pages.set(client, file);
}

function lead(client) {
  if (!client) return;
  if (pages.has(client)) location.href = `${pages.get(client)}#${encodeURIComponent(client)}`;
  else found.textContent = `No session of client ${client}.`;
}

function chosen() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  lead(idx.value.trim());
});
addEventListener("hashchange", () => lead(chosen()));
lead(chosen());
