//! A report on one figure that both contenders have and whose difference is limited.

use super::report::Report;
use super::statistics::{Verdict, median, range};
use serde_json::json;

/// What was measured.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) note: &'static str,
    /// Digits after the point.
    pub(crate) decimals: usize,
    /// How much more Mews may need than Kestrel.
    pub(crate) limit: f64,
}

/// The report on the rounds of Kestrel and Mews, in this order.
pub(crate) fn report(subject: &Subject, [kestrel, mews]: &[Vec<f64>; 2]) -> Report {
    let Subject { name, title, unit, note, decimals, limit } = *subject;
    let differences: Vec<f64> = mews.iter().zip(kestrel).map(|(mews, kestrel)| mews - kestrel).collect();
    let cell = |values: &[f64]| {
        let (low, high) = range(values);
        format!("{:.decimals$} ({low:.decimals$}–{high:.decimals$})", median(values))
    };
    let verdict = Verdict::of(&differences, limit);
    let mut notes = vec![note.to_owned()];
    if verdict == Verdict::Inconclusive {
        notes.push(format!(
            "**INCONCLUSIVE**: the rounds stand on both sides of {limit:.0} {unit}, or are fewer than three"
        ));
    }
    Report {
        name,
        title: title.to_owned(),
        header: ["`dotnet App.dll`", "`mews run`", "difference", "bar"].map(str::to_owned).to_vec(),
        rows: vec![vec![
            cell(kestrel),
            cell(mews),
            cell(&differences),
            format!("≤ {limit:.0}: {}", verdict.word()),
        ]],
        more: Vec::new(),
        plot: None,
        notes,
        raw: json!({ "unit": unit, "limit": limit, "kestrel": kestrel, "mews": mews }),
    }
}
