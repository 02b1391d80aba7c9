// Counts of the values of each field; a click filters for the value, and the minus sign filters it out.
const element = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
};
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const visible = (text) => text.replace(HIDDEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".facets");
  const wasOpen = new Map([...root.querySelectorAll("details")].map((one) => [one.dataset.field, one.open]));
  const built = data.facets.map(({ field, title, values }) => {
    const section = element("details", "facet");
    section.dataset.field = field;
    section.open = wasOpen.get(field) ?? (data.open.includes(field) && window.innerWidth > 700);
    section.append(element("summary", "", title));
    const most = Math.max(1, ...values.map((one) => one.events));
    for (const { value, label, events, count, chosen } of values) {
      const row = element("div", `value ${chosen ? "chosen" : ""}`);
      if (field === "level") row.classList.add("level", (label || "").toLowerCase());
      row.style.setProperty("--share", `${(100 * events) / most}%`);
      const only = element("button", "only");
      only.append(element("span", "label", visible(label)), element("span", "count", count));
      only.title = visible(`${value} (${count})`);
      only.onclick = () => setTriggerValue("filter", { field, value, negated: false });
      const without = element("button", "without", "−");
      without.title = `Filter out this value: ${field}`;
      without.ariaLabel = visible(`Filter out ${value}`);
      without.onclick = () => setTriggerValue("filter", { field, value, negated: true });
      row.append(only, without);
      section.append(row);
    }
    if (!values.length) section.append(element("div", "empty", "none"));
    return section;
  });
  root.replaceChildren(...built);
}
