import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { date } from '../format'
import { theme } from '../theme'

interface Props {
  title: string
  /** What the values say, for those who do not see the picture. */
  summary: string
  times: number[]
  values: number[]
  /** Seconds that each value stands for, from its time on. */
  seconds: number
  show: (value: number) => string
}

const HEIGHT = 110

/** 15:04, in the reader's time zone. */
function clock(time: number): string {
  return date(time).slice(11, 16)
}

/** Colours as the style sheet has them, in the theme of now. */
function colours(element: HTMLElement): { line: string; fill: string; axis: string; grid: string } {
  const of = (name: string): string => {
    const probe = document.createElement('i')
    probe.className = name
    element.append(probe)
    const { color } = getComputedStyle(probe)
    probe.remove()
    return color
  }
  return { line: of('ink-line'), fill: of('ink-fill'), axis: of('ink-axis'), grid: of('ink-grid') }
}

function draw(element: HTMLElement, { times, values, seconds, show }: Props): uPlot {
  const { line, fill, axis, grid } = colours(element)
  const font = '11px "IBM Plex Sans", system-ui, sans-serif'
  const options: uPlot.Options = {
    width: Math.max(element.clientWidth, 120),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 16, 0, 0],
    scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { stroke: axis, font, size: 22, space: 70, grid: { show: false }, ticks: { show: false }, values: (_plot, splits) => splits.map(clock) },
      {
        stroke: axis, font, size: 46, space: 34, ticks: { show: false }, grid: { stroke: grid, width: 1 },
        values: (_plot, splits) => splits.map(show),
      },
    ],
    series: [
      {},
      {
        stroke: line, fill, width: 1.5, points: { show: false },
        ...(uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
      },
    ],
  }
  // The last step has its width, too.
  const [time, value] = [times[times.length - 1] ?? 0, values[values.length - 1] ?? 0]
  return new uPlot(options, [[...times, time + seconds], [...values, value]], element)
}

/** The last hour as a line. */
export function Chart(props: Props): JSX.Element {
  const { title, summary, times, values } = props
  const box = useRef<HTMLDivElement>(null)
  const current = theme.value

  useEffect(() => {
    const element = box.current
    if (!element || times.length === 0) return
    const plot = draw(element, props)
    const watch = new ResizeObserver(() => plot.setSize({ width: Math.max(element.clientWidth, 120), height: HEIGHT }))
    watch.observe(element)
    return () => {
      watch.disconnect()
      plot.destroy()
    }
  }, [times, values, current])

  return (
    <figure class="chart">
      <figcaption><b>{title}</b> <span class="soft">{summary}</span></figcaption>
      <div class="chart-box" ref={box} role="img" aria-label={`${title}: ${summary}`} />
    </figure>
  )
}
