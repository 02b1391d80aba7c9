// The stages of the pipeline as boxes with arrows between them. Text is only inserted as text nodes.
const WIDTH = 100, HEIGHT = 30

function element(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

function sparkline(values) {
  const namespace = "http://www.w3.org/2000/svg"
  const svg = document.createElementNS(namespace, "svg")
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`)
  svg.setAttribute("preserveAspectRatio", "none")
  svg.setAttribute("aria-hidden", "true")
  const most = Math.max(...values, 1)
  const points = values.map((value, index) => {
    const x = (index / Math.max(values.length - 1, 1)) * WIDTH
    return `${x.toFixed(2)} ${(HEIGHT - (value / most) * HEIGHT).toFixed(2)}`
  })
  const path = document.createElementNS(namespace, "path")
  path.setAttribute("d", "M " + points.join(" L "))
  svg.append(path)
  return svg
}

function box(stage) {
  const container = element("div", `stage ${stage.health}`)
  const title = element("div", "title")
  title.append(element("span", "", stage.title), element("span", "health", stage.health))
  container.append(title)
  if (stage.rate) container.append(element("div", "rate", stage.rate))
  if (stage.per_minute.length) container.append(sparkline(stage.per_minute))
  const words = element("div", "words")
  for (const text of [stage.delay, stage.message, stage.resource]) if (text) words.append(element("div", "", text))
  container.append(words)
  return container
}

export default function (component) {
  const list = component.parentElement.querySelector("ol")
  const stages = component.data.stages
  list.replaceChildren(
    ...stages.map((stage, index) => {
      const item = document.createElement("li")
      item.append(box(stage))
      if (index < stages.length - 1) {
        const arrow = element("div", "arrow", "→")
        arrow.setAttribute("aria-hidden", "true")
        item.append(arrow)
      }
      return item
    }),
  )
}
