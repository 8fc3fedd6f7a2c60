/// How the drift page looks: light, dark, on a phone and printed. All texts have a contrast of at least 4.5 to 1, and what
/// is drawn 3 to 1 with what it touches, or a rim that has; lines of a grid are only a help.
enum PageStyle {
  static let css = """

    :root { color-scheme: light dark; --ink: #1b1d21; --paper: #fff; --quiet: #555c68; --line: #d8dce3; --box: #f5f6f8;
      --bar: #2f6fb0; --dot: #a3400c; --good: #17692f; --watch: #7d5200; --bad: #b3161f;
      --h0: #f4b3ad; --h1: #f8cfbb; --h2: #f6e6bb; --h3: #e0edc6; --h4: #c6e6d4; --h5: #d2e7f5; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e8eaee; --paper: #16181c; --quiet: #a4acb8; --line: #353a43; --box: #1f2228; --bar: #5b98d8;
        --dot: #f0a070; --good: #5cc878; --watch: #e3b341; --bad: #ff8b84;
        --h0: #7a2320; --h1: #69391f; --h2: #584713; --h3: #3b4b1b; --h4: #1e4b37; --h5: #1f3e58; }
    }
    @media print {
      :root { color-scheme: light; --ink: #000; --paper: #fff; --quiet: #444; --line: #bbb; --box: #fff; --bar: #2f6fb0;
        --dot: #a3400c; --good: #17692f; --watch: #7d5200; --bad: #b3161f;
        --h0: #f4b3ad; --h1: #f8cfbb; --h2: #f6e6bb; --h3: #e0edc6; --h4: #c6e6d4; --h5: #d2e7f5; }
    }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
    main, footer { max-width: 64rem; margin: 0 auto; padding: 1.2rem 1rem; }
    h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .8rem; }
    h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
    h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
    p { margin: .4rem 0 .8rem; max-width: 46rem; }
    .quiet, figcaption, caption { color: var(--quiet); font-size: .9rem; }
    .names, footer, li, table.names tbody th { overflow-wrap: anywhere; }
    .verdict { border: 1px solid var(--line); border-left: .5rem solid var(--level); border-radius: .4rem;
      background: var(--box); padding: .8rem 1rem; margin: 0 0 1rem; }
    .verdict strong { color: var(--level); font-size: 1.3rem; }
    .good { --level: var(--good); } .watch { --level: var(--watch); } .bad { --level: var(--bad); }
    .verdict ul, .why ol { margin: .5rem 0 0; padding-left: 1.2rem; }
    .verdict li b { color: var(--level); }
    .why li { margin-bottom: .5rem; }
    .option { white-space: nowrap; }
    .top { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 0 2rem; align-items: start; }
    .top h2 { margin-top: .4rem; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: .92rem; min-width: 60%; }
    caption { text-align: left; padding-bottom: .3rem; }
    th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
    th { font-weight: 600; }
    thead th { color: var(--quiet); vertical-align: bottom; }
    tbody th { white-space: nowrap; }
    table.names { overflow-wrap: normal; }
    table.names tbody th { white-space: normal; min-width: 9rem; }
    table.card tbody th, table.values tbody th { white-space: normal; }
    table.card td:last-child, table.card thead th:last-child { padding-right: 0; }
    table.values td:last-child { min-width: 16rem; }
    .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
    thead .number { white-space: normal; }
    table.strip { min-width: 0; }
    table.strip th, table.strip td { padding: .25rem .4rem; border: 2px solid var(--paper); overflow-wrap: normal; }
    table.strip th { white-space: nowrap; }
    .h0 { background: var(--h0); } .h1 { background: var(--h1); } .h2 { background: var(--h2); }
    .h3 { background: var(--h3); } .h4 { background: var(--h4); } .h5 { background: var(--h5); }
    .key { display: flex; flex-wrap: wrap; gap: .3rem .8rem; list-style: none; padding: 0; margin: .5rem 0; font-size: .9rem; }
    .key span { display: inline-block; min-width: 1rem; padding: 0 .4rem; }
    svg { width: 100%; height: auto; display: block; margin: .3rem 0; }
    svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
    svg .ink { fill: var(--ink); } svg .over { paint-order: stroke; stroke: var(--paper); stroke-width: 4; }
    svg .bar { fill: var(--bar); } svg .grid { stroke: var(--line); }
    svg .dot { fill: var(--dot); stroke: var(--paper); stroke-width: 1.5; }
    svg .band { stroke: var(--quiet); } svg .tick { stroke: var(--quiet); }
    svg .rim { stroke: var(--paper); stroke-width: 6; }
    svg .mark { stroke: var(--dot); stroke-width: 2; stroke-dasharray: 4 3; }
    svg .here { stroke: var(--ink); stroke-width: 2; }
    .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: .8rem; padding: 0; list-style: none; }
    .cards li { display: flex; gap: .7rem; border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; font-size: .9rem; }
    .cards img { width: 72px; height: 72px; object-fit: contain; image-rendering: pixelated; flex: none; background: var(--box); }
    .cards p { margin: 0; }
    .cards li.neighbours { display: block; }
    .neighbours div { display: flex; gap: .7rem; align-items: center; margin-bottom: .4rem; }
    .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 0 1.5rem; }
    figure { margin: .3rem 0 1rem; max-width: 32rem; }
    footer { border-top: 1px solid var(--line); margin-top: 2rem; font-size: .85rem; color: var(--quiet); }
    footer dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .1rem 1rem; margin: .5rem 0; }
    footer dd { margin: 0; }
    @media (max-width: 46rem) {
      .top { grid-template-columns: minmax(0, 1fr); }
      footer dl { grid-template-columns: minmax(0, 1fr); } footer dt { margin-top: .4rem; }
    }
    @media print {
      html { font-size: 10pt; } body { font-size: 1rem; } main, footer { max-width: none; padding: 0; }
      .scroll { overflow: visible; } svg { min-width: 0 !important; }
      h2, h3, h4, h2 + p, h3 + p { break-after: avoid; } tr, figure, .cards li, .verdict { break-inside: avoid; }
      table { font-size: 8pt; } th, td { padding-right: .4rem; }
      * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    }

    """
}
