// Streamlit 1.67 draws the small chart in a number as marks without a name, each an image to a screen reader. They are
// hidden from it: the number beside them, its change and its help say the same in words.

const CHART = "[data-testid=stMetricChart]:not([aria-hidden])";

export default function ({ parentElement }) {
  const document = parentElement.ownerDocument;
  const hide = () => document.querySelectorAll(CHART).forEach((chart) => chart.setAttribute("aria-hidden", "true"));
  const observer = new (document.defaultView.MutationObserver)(hide);
  observer.observe(document.body, { childList: true, subtree: true });
  hide();
  return () => observer.disconnect();
}
