"use strict";
// `gallery.html#61` leads to the page that has session 61.
const found = document.getElementById("found"), idx = document.getElementById("idx");
const pages = new Map(), damaged = [];
for (const row of document.querySelectorAll("tr[data-clients]")) {
  const link = row.querySelector("a");
  try {
    for (const client of JSON.parse(row.dataset.clients)) pages.set(client, link.getAttribute("href"));
  } catch {
    damaged.push(link.textContent);
  }
}

function lead(client, rest = []) {
  if (!client) return;
  const hash = [client, ...rest].map(encodeURIComponent).join("/");
  if (pages.has(client)) location.href = `${pages.get(client)}#${hash}`;
  else found.textContent = `No session of client ${client}.${unread()}`;
}

const unread = () => (damaged.length ? ` The clients of sessions ${damaged.join(", ")} cannot be read: this index is damaged; write it again.` : "");

function chosen() {
  try {
    return location.hash.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return [location.hash.slice(1)];
  }
}

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  lead(idx.value.trim());
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash names sessions
  document.getElementById("pages").focus();
});
const follow = () => lead(chosen()[0], chosen().slice(1));
addEventListener("hashchange", follow);
found.textContent = unread().trim();
follow();
