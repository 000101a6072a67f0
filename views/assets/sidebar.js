// What Streamlit's own navigation does and links in a sidebar do not: on a phone the sidebar closes when a link of it is
// followed. And "/" moves to the search, wherever one is on the page, unless one is typing.

const PHONE_PX = 768;
const TYPING = "input, textarea, select, [contenteditable=true]";

export default function ({ parentElement }) {
  const document = parentElement.ownerDocument;
  const sidebar = () => document.querySelector("[data-testid=stSidebar]");
  const followed = (event) => {
    if (document.defaultView.innerWidth >= PHONE_PX || !event.target.closest("[data-testid=stPageLink] a")) return;
    sidebar()?.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
  };
  const pressed = (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(TYPING)) return;
    const search = sidebar()?.querySelector("input[type=search], input[type=text]");
    if (!search) return;
    event.preventDefault();
    search.focus();
  };
  const place = sidebar();
  place?.addEventListener("click", followed);
  document.addEventListener("keydown", pressed);
  return () => {
    place?.removeEventListener("click", followed);
    document.removeEventListener("keydown", pressed);
  };
}
