// A diagram of boxes and arrows, placed by Python. Texts are only inserted as text nodes.
const SVG = "http://www.w3.org/2000/svg"
const NEAREST = 0.5, CLOSEST = 2.5, STEP = 1.25

function element(tag, name, text) {
  const made = document.createElement(tag)
  if (name) made.className = name
  if (text !== undefined) made.textContent = text
  return made
}

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}

// A line through the points, with rounded corners.
function line(points) {
  const [first, ...rest] = points
  const parts = [`M ${first.join(" ")}`]
  rest.forEach(([x, y], index) => {
    const after = rest[index + 1], [fromX, fromY] = points[index]
    if (!after) return parts.push(`L ${x} ${y}`)
    const radius = (a, b) => Math.min(8, Math.hypot(a[0] - b[0], a[1] - b[1]) / 2)
    const near = (from, length) => {
      const far = Math.hypot(from[0] - x, from[1] - y) || 1
      return [x + ((from[0] - x) * length) / far, y + ((from[1] - y) * length) / far]
    }
    const before = near([fromX, fromY], radius([fromX, fromY], [x, y])), next = near(after, radius(after, [x, y]))
    parts.push(`L ${before.join(" ")} Q ${x} ${y} ${next.join(" ")}`)
  })
  return parts.join(" ")
}

function sparkline(values) {
  const svg = drawn("svg", { viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true", class: "spark" })
  const most = Math.max(...values, 1)
  const points = values.map((value, index) => [
    ((index / Math.max(values.length - 1, 1)) * 100).toFixed(2),
    (30 - (value / most) * 30).toFixed(2),
  ])
  svg.append(drawn("path", { d: `M ${points.map((point) => point.join(" ")).join(" L ")}` }))
  return svg
}

function box(node, open, unfold) {
  const made = element(open && node.look !== "label" ? "button" : "div", `node ${node.look}${node.current ? " current" : ""}`)
  made.style.background = node.look === "label" ? "none" : node.fill
  made.style.color = node.look === "label" ? "inherit" : node.ink
  made.title = [node.title, ...node.notes].join("\n")
  made.append(element("span", "title", node.title))
  if (node.notes.length) {
    const notes = element("span", "notes")
    for (const note of node.notes) notes.append(element("span", "note", note))
    made.append(notes)
  }
  if (node.values.length) made.append(sparkline(node.values))
  if (made.tagName === "BUTTON") {
    made.type = "button"
    made.dataset.id = node.id
    made.onclick = open
  }
  if (!node.hidden) return [made]
  const more = element("button", "more", `+${node.hidden}`)
  more.type = "button"
  more.title = `${node.hidden} not on this path. Show all steps`
  more.ariaLabel = more.title
  more.onclick = unfold
  return [made, more]
}

function start(root) {
  const view = { all: false, scale: 1, x: 0, y: 0, follow: true, data: null, shown: null }
  const bar = element("div", "bar"), port = element("div", "port"), layer = element("div", "layer")
  const button = (text, name, act) => {
    const made = element("button", "tool", text)
    made.type = "button"
    made.title = made.ariaLabel = name
    made.onclick = act
    bar.append(made)
    return made
  }
  const fold = button("", "Show or hide the steps that are not on the path", () => { view.all = !view.all; view.draw() })
  const follow = button("Follow", "Keep the current step in view", () => { view.follow = !view.follow; view.draw() })
  button("−", "Zoom out", () => zoom(1 / STEP))
  button("+", "Zoom in", () => zoom(STEP))
  button("Fit", "Show the whole diagram", () => { Object.assign(view, { scale: 1, x: 0, y: 0 }); place() })
  port.append(layer)
  root.replaceChildren(bar, port)

  const within = (value, size, shown) => Math.min(Math.max(value, Math.min(shown - size, 0)), Math.max(shown - size, 0))
  function place() {
    const size = view.shown
    if (!size) return
    view.x = within(view.x, size.width * view.scale, port.clientWidth)
    view.y = within(view.y, size.height * view.scale, port.clientHeight)
    layer.style.transform = view.scale === 1 ? "" : `translate(${view.x}px, ${view.y}px) scale(${view.scale})`
    port.classList.toggle("zoomed", view.scale !== 1)
  }
  function zoom(factor, x = port.clientWidth / 2, y = port.clientHeight / 2) {
    const scale = Math.min(Math.max(view.scale * factor, NEAREST), CLOSEST)
    const after = Math.abs(scale - 1) < 0.05 ? 1 : scale
    view.x = x - ((x - view.x) * after) / view.scale
    view.y = y - ((y - view.y) * after) / view.scale
    view.scale = after
    place()
  }
  function centre() {
    const current = layer.querySelector(".node.current")
    if (!view.follow || !current || view.scale <= 1) return
    view.x = port.clientWidth / 2 - (current.offsetLeft + current.offsetWidth / 2) * view.scale
    view.y = port.clientHeight / 2 - (current.offsetTop + current.offsetHeight / 2) * view.scale
    place()
  }
  port.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return // the page scrolls
    event.preventDefault()
    const around = port.getBoundingClientRect()
    zoom(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX - around.left, event.clientY - around.top)
  }, { passive: false })
  port.addEventListener("pointerdown", (event) => {
    if (view.scale === 1 || event.target.closest("button")) return
    port.setPointerCapture(event.pointerId)
    const from = [event.clientX - view.x, event.clientY - view.y]
    const move = (moved) => { view.x = moved.clientX - from[0]; view.y = moved.clientY - from[1]; view.follow = false; place() }
    port.addEventListener("pointermove", move)
    port.addEventListener("pointerup", () => port.removeEventListener("pointermove", move), { once: true })
  })

  view.draw = () => {
    const { data } = view
    const layouts = data.views[view.all && data.views.all ? "all" : "folded"]
    const room = port.clientWidth
    const size = layouts.filter((one) => !one.list && one.width <= room).pop() ?? layouts.find((one) => one.list)
    const had = root.getRootNode().activeElement?.dataset?.id
    view.shown = { ...size, width: size.list ? room : size.width }
    port.style.height = `${size.height}px`
    layer.className = `layer${size.list ? " list" : ""}${data.box[1] > 62 ? " tall" : ""}`
    layer.style.width = `${view.shown.width}px`
    layer.style.height = `${size.height}px`
    const svg = drawn("svg", { width: view.shown.width, height: size.height, "aria-hidden": "true", class: "edges" })
    const points = drawn("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" })
    points.append(drawn("path", { d: "M 0 0 L 8 4 L 0 8 z", class: "tip" }))
    svg.append(points)
    for (const [route, dashed, taken] of size.routes) {
      svg.append(drawn("path", { d: line(route), "marker-end": "url(#tip)", class: `edge${dashed ? " dashed" : ""}${taken ? " taken" : ""}` }))
    }
    const made = size.corners.flatMap(([number, x, y]) => {
      const node = data.nodes[number], [width, high, low] = data.box
      const [main, more] = box(node, data.selectable && (() => view.choose(node.id)), () => { view.all = true; view.draw() })
      Object.assign(main.style, { left: `${x}px`, top: `${y}px`, width: size.list ? `${room - x - 30}px` : `${width}px`, height: `${size.list ? low : high}px` })
      if (node.id === data.selected) { main.classList.add("selected"); main.ariaPressed = "true" }
      if (!more || view.all) return [main]
      Object.assign(more.style, size.list ? { left: `${room - 28}px`, top: `${y + 8}px` } : { left: `${x + width - 16}px`, top: `${y + high - 13}px` })
      return [main, more]
    })
    layer.ariaLabel = data.label
    layer.setAttribute("role", "group")
    layer.replaceChildren(svg, ...made)
    if (had) made.find((one) => one.dataset.id === had)?.focus({ preventScroll: true })
    fold.hidden = !data.views.all
    fold.textContent = view.all ? "Hide other steps" : `Show all ${data.nodes.filter((node) => node.look !== "label").length} steps`
    follow.hidden = !data.nodes.some((node) => node.current)
    follow.ariaPressed = String(view.follow)
    place()
    centre()
  }
  let width = 0
  new ResizeObserver(() => {
    if (port.clientWidth === width || !view.data) return
    width = port.clientWidth
    view.draw()
  }).observe(port)
  return view
}

const views = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".flow")
  if (!views.has(root)) views.set(root, start(root))
  const view = views.get(root)
  view.data = data
  view.choose = (id) => {
    view.data = { ...view.data, selected: id } // at once, before Python answers
    view.draw()
    setTriggerValue("selected", id)
  }
  view.draw()
}
