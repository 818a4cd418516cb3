"""How the scorecard's page looks, in light and in dark, and the legend of its timeline."""

STYLE = """
:root{--bg:#fff;--fg:#1b1d21;--dim:#555b66;--line:#d5d9e0;--card:#f4f6f9;
--good:#1a7f4b;--late:#8a5a00;--bad:#b3261e;--act:#2456a6}
@media (prefers-color-scheme:dark){:root{--bg:#14161a;--fg:#e7e9ee;--dim:#a7aebb;--line:#363b45;
--card:#1e2127;--good:#5bd08f;--late:#f0b64a;--bad:#ff8a80;--act:#8ab4ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:70rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}p{margin:.4rem 0;max-width:46rem}
.verdict{font-weight:600}.pass,.met{color:var(--good)}.miss,.missed{color:var(--bad)}
.none{color:var(--dim)}small{color:var(--dim);font-weight:400}
.cards{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr))}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem}
.card h2{margin:0;font-size:1rem}.card p{color:var(--dim);margin:0;font-size:.9rem}
dl{display:flex;gap:1rem;margin:.5rem 0}dt{font-size:.8rem;color:var(--dim)}
dd{margin:0;font-size:1.7rem;font-weight:600;line-height:1.1}dl div{display:flex;
flex-direction:column-reverse;justify-content:flex-end}
.scroll{overflow-x:auto}.scroll:focus-visible{outline:2px solid var(--act)}
table{border-collapse:collapse;font-size:.92rem;min-width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td{font-variant-numeric:tabular-nums}tbody th{font-weight:500}
summary{cursor:pointer;padding:.3rem 0}ul{padding-left:1.2rem;margin:.3rem 0}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;list-style:none;padding:0;font-size:.9rem}
.legend svg{width:1rem;height:1rem;vertical-align:-.15rem}
.timeline{min-width:46rem;width:100%;height:auto;display:block}
.timeline text{fill:var(--fg);font-size:11px}.timeline .lane{font-size:13px;font-weight:600}
.timeline .tick,.timeline .note{fill:var(--dim)}.timeline .tick{text-anchor:middle}
.grid{stroke:var(--line);stroke-width:.6}.event{stroke:var(--dim);stroke-dasharray:3 3}
.half{fill:none;stroke:var(--late);stroke-width:2}.changed{fill:none;stroke:var(--bad);stroke-width:2}
.stolen{fill:var(--bad)}.flag{fill:var(--act);stroke:var(--act)}.action{fill:var(--good)}
.good{fill:var(--good)}.late{fill:var(--late)}.lost{fill:var(--bad)}
"""


def _key(shape: str, text: str) -> str:
    return f'<li><svg viewBox="0 0 16 16" aria-hidden="true">{shape}</svg> {text}</li>'


LEGEND = (
    '<ul class="legend">'
    + _key('<circle class="half" cx="8" cy="8" r="5"/>', "half proof: one of two, worth nothing")
    + _key('<polygon class="changed" points="8,2 14,8 8,14 2,8"/>', "password written by the thief")
    + _key('<polygon class="stolen" points="8,2 14,8 8,14 2,8"/>', "and he signed in")
    + _key('<path class="flag" d="M4 14V2l10 4l-10 4z"/>', "incident")
    + _key('<rect class="action" x="4" y="4" width="8" height="8"/>', "action applied")
    + _key('<rect class="good" x="5" y="2" width="6" height="12"/>', "mail arrived")
    + _key('<rect class="late" x="5" y="5" width="6" height="9"/>', "slow (over 10 s)")
    + _key('<rect class="lost" x="5" y="8" width="6" height="6"/>', "lost")
    + "</ul>"
)
