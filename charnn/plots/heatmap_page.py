"""A heat map as a page to open in a browser: it tells what is in the cell pointed at."""

from html import escape
from string import Template

from charnn.plots.heatmap import Heatmap


def page(heatmap: Heatmap) -> bytes:
    """A table in HTML, with all it needs."""
    strongest = heatmap.strongest
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in heatmap.columns)
    lines = [f"<tr><td>{escape(heatmap.axes)}</td>{heads}</tr></thead>", "<tbody>"]
    for row, name in enumerate(heatmap.rows):
        lines.append(f'<tr><th scope="row">{escape(name)}</th>')
        for column, weight in enumerate(heatmap.weights[row].tolist()):
            said, text = escape(heatmap.tell(row, column)), escape(heatmap.texts[-1][row][column]) if heatmap.texts else ""
            style = " dark" if text and weight > 0.6 * strongest else ""
            lines.append(f'<td class="cell{style}" style="--share:{weight / strongest:.3f}" data-said="{said}">{text}</td>')
        lines.append("</tr>")
    return _PAGE.substitute(title=escape(heatmap.title), strongest=f"{strongest:.0%}", rows="\n".join(lines)).encode()


_PAGE = Template("""<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: 8 64 129; --page: #fff; --text: #222; --line: #ddd; --lit: #ffe08a; }
@media (prefers-color-scheme: dark) { :root { --ink: 126 200 255; --page: #16181c; --text: #ddd; --line: #34383f; --lit: #6b5600; } }
body { margin: 1rem 16rem 4rem 1rem; background: var(--page); color: var(--text); font: 15px/1.3 system-ui, sans-serif; }
h1 { font-size: 1.15rem; }
table { border-collapse: separate; border-spacing: 0; }
th, thead td { font-weight: normal; white-space: nowrap; background: var(--page); position: sticky; top: 0; left: 0; z-index: 3; }
thead td { z-index: 4; }
thead th { left: auto; writing-mode: vertical-rl; text-align: end; vertical-align: middle; padding: .3rem 0; }
tbody th { top: auto; z-index: 1; text-align: end; padding: 0 .4rem; }
tbody td { width: 1.5rem; min-width: 1.5rem; height: 1.5rem; padding: 0; position: relative;
  text-align: center; background: rgb(var(--ink) / var(--share)); box-shadow: inset 0 0 0 .5px var(--line); }
tbody td:not(:empty) { padding: 0 .4rem; }
tbody td.dark { color: var(--page); }
tbody tr:hover th, th.lit { background: var(--lit); }
tbody td:hover { outline: 2px solid var(--text); z-index: 2; }
tbody td:hover::after { content: attr(data-said); position: absolute; left: 110%; top: 110%; padding: .3rem .5rem; white-space: pre;
  background: var(--text); color: var(--page); border-radius: .25rem; pointer-events: none; }
.key { display: inline-block; width: 10rem; height: .8rem; margin: 0 .4rem; border: 1px solid var(--line);
  background: linear-gradient(to right, rgb(var(--ink) / 0), rgb(var(--ink))); }
</style>
</head>
<body>
<h1>$title</h1>
<table>
<thead>
$rows
</tbody>
</table>
<p>0%<span class="key"></span>$strongest</p>
<script>
const table = document.querySelector("table"), heads = table.tHead.rows[0].cells;
table.onmouseover = table.onmouseleave = event => {
  for (const head of heads) head.classList.remove("lit");
  if (event.target.dataset.said) heads[event.target.cellIndex].classList.add("lit");
};
</script>
</body>
</html>
""")
