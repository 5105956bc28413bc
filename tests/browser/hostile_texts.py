"""Markdown, tags, names that would make a page ask another host, run something or mislead."""

# EVIL is the other host. A blank line parts them, so that none can be part of another.
PICTURES = """![a](EVIL/1.png)

![a][r] and ![r][] and ![r]

[r]: EVIL/2.png

[![a](EVIL/3.png)](EVIL/4)

![a](<EVIL/5.png> "title")

- ![a](EVIL/6.png)

> ![a](EVIL/7.png)

| a | b |
|---|---|
| ![a](EVIL/8.png) | `![a](EVIL/9.png)` |

:red[![a](EVIL/10.png)] :blue-background[![a](EVIL/11.png)] :small[![a](EVIL/12.png)]

&#33;[a](EVIL/13.png) !&#91;a](EVIL/14.png) !\u200b[a](EVIL/15.png)

![a](//BARE/16.png) ![a](\\\\\\\\BARE/17.png) ![a](/\\\\BARE/18.png)

[^1] and ![a][^1]

[^1]: ![a](EVIL/19.png)

![a](data:image/svg+xml,%3Csvg%20onload='fetch(%22EVIL/20%22)'%3E%3C/svg%3E)"""
TAGS = """<img src=EVIL/1.png> <img src="EVIL/2.png" onerror="window.hit=1">

<script>window.hit=1; fetch('EVIL/3')</script>

<svg onload="window.hit=1"><image href="EVIL/4.png"/><use href="EVIL/5.svg#a"/></svg>

<iframe src="EVIL/6" srcdoc="<img src=EVIL/7.png>"></iframe>

<style>@import url(EVIL/8.css); body { background: url(EVIL/9.png) }</style>

<link rel="stylesheet" href="EVIL/10.css"><link rel="prefetch" href="EVIL/11"><base href="EVIL/">

<meta http-equiv="refresh" content="0;url=EVIL/12">

<video src="EVIL/13.mp4" poster="EVIL/14.png" autoplay></video>
<audio src="EVIL/15.mp3" autoplay></audio>

<object data="EVIL/16"></object><embed src="EVIL/17">
<form action="EVIL/18"><button>Log in</button></form>

<a href="EVIL/19" ping="EVIL/20">x</a> <div style="background:url(EVIL/21.png)">x</div>

<details open ontoggle="window.hit=1"> <input autofocus onfocus="window.hit=1">
<math href="EVIL/22">"""
SYNTAX = """$\\\\includegraphics{EVIL/1.png}$ and $\\\\href{javascript:window.hit=1}{x}$ and
$\\\\url{EVIL/2}$

$\\\\htmlStyle{background:url(EVIL/3.png)}{x}$ and $\\\\htmlData{src=EVIL/4}{x}$ and
$\\\\htmlClass{a}{x}$

$$
\\\\includegraphics[alt=x]{EVIL/5.png}
$$

:material/EVIL: :color[x]{foreground="url(EVIL/6.png)"} :red[x]{style="background:url(EVIL/7.png)"}

[x](javascript:window.hit=1) [x](JAVASCRIPT:window.hit=1) [x](java&#10;script:window.hit=1)

[x](data:text/html,<script>window.hit=1</script>) [x](vbscript:x) [x](file:///etc/passwd)

[the bank](EVIL/8 "https://bank.example") [https://bank.example](EVIL/9) <EVIL/10>

[\u202eelpmaxe.knab](EVIL/11) [ ](EVIL/12) [a](//BARE/13) [b][s]

[s]: EVIL/14

```mermaid
graph LR; A[<img src=EVIL/15.png>]-->B
```

```html
<img src="EVIL/16.png">
```"""
NAME = "![n](EVIL/n.png) [bank](EVIL/l) <img src=EVIL/t.png> $\\\\href{EVIL/k}{x}$ :red[x]"
MODEL = "![m](EVIL/m.png)[bank](EVIL/b)"
