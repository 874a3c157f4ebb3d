//! A picture of a comparison: horizontal bars in groups, as SVG that needs nothing else and is readable in light and dark.

use super::statistics::{median, range};
use std::fmt::Write as _;

/// Widths and heights, in the picture's own units.
const WIDTH: f64 = 860.0;
const LABEL: f64 = 230.0;
const BAR: f64 = 16.0;
const GAP: f64 = 4.0;
const HEAD: f64 = 34.0;
/// Room for the number behind the longest bar.
const NUMBER: f64 = 70.0;

/// The whole picture.
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) groups: Vec<Bars>,
}

/// Bars that share a scale, which begins at zero.
pub(crate) struct Bars {
    pub(crate) title: String,
    /// A name, the rounds, and whether it is ours.
    pub(crate) bars: Vec<(String, Vec<f64>, bool)>,
}

impl Plot {
    pub(crate) fn svg(&self) -> String {
        let height = HEAD + self.groups.iter().map(Bars::height).sum::<f64>();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
             <title>{title}</title>\n\
             <style>text {{ fill: #222 }} .peer {{ fill: #9aa5b1 }} .own {{ fill: #2b6cb0 }} .range {{ stroke: #222; stroke-width: 1 }} \
             @media (prefers-color-scheme: dark) {{ text {{ fill: #ddd }} .peer {{ fill: #69747f }} .own {{ fill: #63a4e8 }} .range {{ stroke: #ddd }} }}</style>\n\
             <text x=\"8\" y=\"20\" font-size=\"15\">{title}</text>\n",
            title = escaped(&self.title),
        );
        let mut y = HEAD;
        for group in &self.groups {
            group.draw(&mut svg, y);
            y += group.height();
        }
        svg.push_str("</svg>\n");
        svg
    }
}

impl Bars {
    fn height(&self) -> f64 {
        HEAD + (BAR + GAP) * self.bars.len() as f64
    }

    fn draw(&self, svg: &mut String, top: f64) {
        let _ = writeln!(
            svg,
            "<text x=\"8\" y=\"{}\" font-weight=\"bold\">{}</text>",
            top + HEAD - 10.0,
            escaped(&self.title)
        );
        let longest =
            self.bars.iter().map(|(_, rounds, _)| range(rounds).1).fold(f64::MIN_POSITIVE, f64::max);
        let scale = (WIDTH - LABEL - NUMBER) / longest;
        for (index, (name, rounds, own)) in self.bars.iter().enumerate() {
            let y = top + HEAD + (BAR + GAP) * index as f64;
            let (middle, (low, high)) = (median(rounds), range(rounds));
            let (line, text) = (y + BAR / 2.0, y + BAR - 4.0);
            let class = if *own { "own" } else { "peer" };
            let at = |value: f64| LABEL + value * scale;
            let _ = writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"{class}\" x=\"{LABEL}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\"/>\
                 <line class=\"range\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{line:.1}\" y2=\"{line:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{text:.1}\">{middle:.1}</text>",
                LABEL - 8.0,
                escaped(name),
                middle * scale,
                at(low),
                at(high),
                at(high) + 6.0,
            );
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let bars =
            vec![("a < b".to_owned(), vec![10.0, 20.0, 30.0], false), ("c".to_owned(), vec![15.0], true)];
        let svg = Plot { title: "T".to_owned(), groups: vec![Bars { title: "G".to_owned(), bars }] }.svg();
        // The scale ends at the highest round, 30.
        let unit = (WIDTH - LABEL - NUMBER) / 30.0;
        for (class, length) in [("peer", 20.0), ("own", 15.0)] {
            let bar = format!("class=\"{class}\" x=\"{LABEL}\"");
            let line = svg.lines().find(|line| line.contains(&bar)).unwrap();
            assert!(line.contains(&format!("width=\"{:.1}\"", unit * length)), "{line}");
        }
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"), "{svg}");
    }

    #[test]
    fn nothing_is_a_picture_too() {
        let empty =
            Plot { title: String::new(), groups: vec![Bars { title: String::new(), bars: Vec::new() }] };
        assert!(empty.svg().contains("viewBox=\"0 0 860 68\""));
    }
}
