// What Streamlit's own navigation does and links in a sidebar do not: on a phone the sidebar closes when a link of it is
// followed. And "/" moves to the search, wherever one is on the page, unless one is typing. And what a button opens, which
// Streamlit 1.67 puts at the end of the page, is entered by the key that opened it, and left by Escape.

const PHONE_PX = 768;
const TYPING = "input, textarea, select, [contenteditable=true]";
const OPENER = "[data-testid=stPopoverButton]";
const OPENED = "[data-testid=stPopoverBody]";
const FOCUSABLE = ":is(a[href], button, input, textarea, select):not([disabled], [tabindex='-1'])";
const LOOKS = 20;
const LOOK_MS = 50;

export default function ({ parentElement }) {
  const document = parentElement.ownerDocument;
  const sidebar = () => document.querySelector("[data-testid=stSidebar]");
  const followed = (event) => {
    if (document.defaultView.innerWidth >= PHONE_PX || !event.target.closest("[data-testid=stPageLink] a")) return;
    sidebar()?.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
  };
  const enter = (opener, looks) => {
    const first = document.querySelector(OPENED)?.querySelector(FOCUSABLE);
    if (first) {
      first.closest(OPENED).addEventListener("keydown", (event) => {
        if (event.key === "Escape") setTimeout(() => opener.focus(), LOOK_MS);
      });
      first.focus();
    } else if (looks) setTimeout(() => enter(opener, looks - 1), LOOK_MS);
  };
  const pressed = (event) => {
    const opener = event.key === "Enter" || event.key === " " ? event.target.closest?.(OPENER) : null;
    if (opener && opener.getAttribute("aria-expanded") !== "true") setTimeout(() => enter(opener, LOOKS), LOOK_MS);
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
