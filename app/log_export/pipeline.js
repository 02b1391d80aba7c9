// The stages of the pipeline as boxes with arrows between them. Text only ever becomes text nodes.
const WIDTH = 100, HEIGHT = 30

function element(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
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
  const made = element("div", `stage ${stage.health}`)
  const title = element("div", "title")
  title.append(element("span", "", stage.title), element("span", "health", stage.health))
  made.append(title)
  if (stage.rate) made.append(element("div", "rate", stage.rate))
  if (stage.each_minute.length) made.append(sparkline(stage.each_minute))
  const words = element("div", "words")
  for (const text of [stage.late, stage.says, stage.resource]) if (text) words.append(element("div", "", text))
  made.append(words)
  return made
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
