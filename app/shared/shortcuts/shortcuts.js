// Keyboard shortcuts. Nothing happens while somebody types, or with Ctrl, Alt, or Cmd.
const WAIT_MS = 1500 // between g and the letter
const TYPING = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]:not([contenteditable=false])"
const state = { pages: [], open: () => {}, until: 0, listening: false }

function row(keys, text) {
  const made = document.createElement("li"), name = document.createElement("span"), pressed = document.createElement("span")
  for (const key of keys) {
    const cap = document.createElement("kbd")
    cap.textContent = key
    pressed.append(cap)
  }
  name.textContent = text
  made.append(pressed, name)
  return made
}

function go(path) {
  const links = [...document.querySelectorAll('[data-testid="stSidebarNav"] a')]
  const link = links.find((one) => new URL(one.href).pathname === path)
  if (link) link.click()
}

function search() {
  const field = document.querySelector('[data-testid="stMain"] input[type=text], [data-testid="stMain"] textarea')
  if (field) field.focus()
}

function pressed(event) {
  const target = event.composedPath()[0]
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches?.(TYPING)) return
  if (event.key === "?") state.open()
  else if (event.key === "/") search()
  else if (event.key === "g") { state.until = event.timeStamp + WAIT_MS; return }
  else if (event.timeStamp < state.until) {
    const page = state.pages.find((one) => one.letter === event.key)
    state.until = 0
    if (!page) return
    go(page.path)
  } else return
  event.preventDefault()
}

export default function ({ data, parentElement }) {
  const dialog = parentElement.querySelector("dialog"), title = document.createElement("h2"), list = document.createElement("ul")
  title.textContent = "Keyboard shortcuts"
  list.append(...data.pages.map((page) => row(["g", page.letter], page.title)), row(["/"], "Search"), row(["?"], "Keyboard shortcuts"), row(["Esc"], "Close"))
  if (!dialog.open) dialog.replaceChildren(title, list)
  parentElement.querySelector("button").onclick = () => dialog.showModal()
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close() }
  state.pages = data.pages
  state.open = () => { if (!dialog.open) dialog.showModal() }
  if (state.listening) return
  state.listening = true
  document.addEventListener("keydown", pressed)
}
