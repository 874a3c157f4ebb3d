//! Which applications can run in one pool. Where an application runs is known from its `web.config` alone, so this is
//! asked when pools start, and not when the configuration is read.

use crate::failure::Failure;
use crate::hosting_model::HostingModel;
use crate::status::StatusCode;

/// Why these applications of a pool cannot run together: that of another model than the first is answered with
/// 500.34, and a second one in-process with 500.35. `None` for those that can. Each is named as messages call it:
/// `shop/api`.
pub fn pool_conflict(pool: &str, applications: &[(&str, HostingModel)]) -> Option<Failure> {
    let ((first, model), rest) = applications.split_first()?;
    let differs = rest.iter().find(|(_, other)| other != model);
    if let Some((other, other_model)) = differs {
        let cause = format!(
            "In the pool '{pool}' the application '{first}' is to run {model}, and '{other}' {other_model}."
        );
        return Some(
            Failure::new(StatusCode::MIXED_MODELS, cause).with_cure("Give one of them a pool of its own."),
        );
    }
    let (second, _) = rest.first().filter(|_| *model == HostingModel::InProcess)?;
    let cause =
        format!("The applications '{first}' and '{second}' are both to run in-process in the pool '{pool}'.");
    let cure = "A worker process runs one application in-process: give each a pool of its own.";
    Some(Failure::new(StatusCode::SEVERAL_APPS, cause).with_cure(cure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use HostingModel::{InProcess, OutOfProcess};

    #[test]
    fn what_shares_a_pool() {
        let code = |models: &[HostingModel]| {
            let applications: Vec<_> = models.iter().map(|model| ("app", *model)).collect();
            pool_conflict("p", &applications).map(|failure| failure.code)
        };
        assert_eq!(code(&[]), None);
        assert_eq!(code(&[InProcess]), None);
        assert_eq!(code(&[OutOfProcess, OutOfProcess, OutOfProcess]), None);
        assert_eq!(code(&[InProcess, InProcess]), Some(StatusCode::SEVERAL_APPS));
        assert_eq!(code(&[OutOfProcess, InProcess]), Some(StatusCode::MIXED_MODELS));
        assert_eq!(code(&[InProcess, InProcess, OutOfProcess]), Some(StatusCode::MIXED_MODELS));
    }
}
