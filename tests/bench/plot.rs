//! Plots as SVG: one bar for each of a few things.

/// A plot.
pub(crate) struct Plot {
    /// Its file's name, without the ending.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) bars: Vec<(String, f64)>,
}

const WIDTH: f64 = 720.0;
const LABELS: f64 = 260.0;
const NUMBERS: f64 = 110.0;
const BAR: f64 = 24.0;

impl Plot {
    /// Bars are as long as their numbers: a logarithm would flatter.
    pub(crate) fn svg(&self) -> String {
        let most = self
            .bars
            .iter()
            .map(|(_, value)| *value)
            .fold(0.0, f64::max);
        let room = WIDTH - LABELS - NUMBERS;
        let mut top = 40.0;
        let mut bars = String::new();
        for (label, value) in &self.bars {
            let length = (value / most * room).max(1.0);
            let colour = if label.starts_with("pidward") {
                "#2a6f4e"
            } else {
                "#9aa5b1"
            };
            let (middle, end) = (top + BAR * 0.7, LABELS + length + 6.0);
            bars.push_str(&format!(
                "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\n\
                 <rect x=\"{LABELS}\" y=\"{top}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\n\
                 <text x=\"{end:.1}\" y=\"{middle}\">{} {}</text>\n",
                LABELS - 8.0,
                escaped(label),
                BAR - 4.0,
                number(*value),
                self.unit
            ));
            top += BAR;
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{}\" font-family=\"sans-serif\" \
             font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"12\" y=\"24\" font-size=\"15\">{}</text>\n{bars}</svg>\n",
            top + 12.0,
            escaped(self.title)
        )
    }
}

fn number(value: f64) -> String {
    if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
