//! Seeded storms over [`Handshakes`]: many requests with and without tokens in every order, against a plain record of what
//! each connection may answer.

use std::sync::Arc;
use std::time::Duration;

use super::handshake::{HANDSHAKE_LIMIT, Handshakes, Outcome, Proved};
use super::identity::{Identity, Scheme};
use super::schemes::Windows;
use crate::web_config::TokenChecking;

/// xorshift: the same storm for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn identity(name: u64, scheme: Scheme) -> Arc<Identity> {
    Arc::new(Identity { scheme, name: name.to_string(), aliases: Vec::new(), sid: None, groups: Vec::new() })
}

fn rules(bits: u64) -> Windows {
    let persist_single_request = bits & 1 != 0;
    Windows {
        offered: Vec::new(),
        ntlm: true,
        persist_single_request,
        persist_kerberos: bits & 2 != 0 && !persist_single_request,
        token_checking: TokenChecking::None,
    }
}

#[test]
fn nobody_is_taken_for_somebody_else() {
    for seed in 1..400_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let rules = rules(seed);
        let mut machine: Handshakes<u64> = Handshakes::default();
        let mut now = Duration::ZERO;
        // What the connection may know: its user, and the last context that was handed out for it.
        let mut user: Option<u64> = None;
        let mut half: Option<(u64, Duration)> = None;
        let mut contexts = 0;
        let mut open: Vec<u64> = Vec::new();
        for step in 0..400 {
            now += Duration::from_millis(random.below(4000));
            match random.below(6) {
                0 | 1 => {
                    let seen = machine.plain();
                    assert_eq!(
                        seen.map(|seen| seen.name.clone()),
                        user.map(|user| user.to_string()),
                        "{seed} {step}"
                    );
                    if open.is_empty() {
                        half = None;
                    }
                }
                2 | 3 => {
                    let taken = machine.token(now);
                    match half.take() {
                        Some((context, since)) if now - since < HANDSHAKE_LIMIT && open.is_empty() => {
                            // Long handshakes are cut off; then it begins anew.
                            assert!(taken.context.is_none_or(|taken| taken == context), "{seed} {step}");
                        }
                        _ => assert_eq!(taken.context, None, "{seed} {step}: a context of nobody"),
                    }
                    user = None;
                    open.push(taken.turn);
                }
                4 => {
                    machine.give_up();
                    half = None;
                    assert!(!machine.is_half_done());
                }
                _ if !open.is_empty() => {
                    let index = random.below(open.len() as u64) as usize;
                    let turn = open.remove(index);
                    // Only the last token that came speaks for the connection.
                    let latest = index == open.len();
                    match random.below(3) {
                        0 => assert_eq!(machine.judged(turn, Proved::Failed, &rules), Outcome::Failed),
                        1 => {
                            contexts += 1;
                            let outcome = machine.judged(turn, Proved::Continue(contexts), &rules);
                            if latest {
                                assert_eq!(outcome, Outcome::Continue, "{seed} {step}");
                                half = Some((contexts, now));
                            } else {
                                assert_eq!(outcome, Outcome::Lost, "{seed} {step}");
                            }
                        }
                        _ => {
                            let scheme = if random.below(2) == 0 { Scheme::Ntlm } else { Scheme::Negotiate };
                            let who = identity(turn, scheme);
                            let outcome = machine.judged(turn, Proved::Identity(who.clone()), &rules);
                            let keeps = match scheme {
                                Scheme::Ntlm => !rules.persist_single_request,
                                _ => rules.persist_kerberos,
                            };
                            let kept = keeps && latest;
                            assert_eq!(outcome, Outcome::SignedIn { identity: who, kept }, "{seed} {step}");
                            if kept {
                                user = Some(turn);
                            }
                        }
                    }
                    if latest {
                        // Older turns are of requests that have nothing to say any more.
                        open.clear();
                    }
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_handshake_ends_in_time_and_in_few_steps() {
    let rules = rules(0);
    let mut machine: Handshakes<u8> = Handshakes::default();
    let first = machine.token(Duration::ZERO);
    assert_eq!(first.context, None);
    machine.judged(first.turn, Proved::Continue(1), &rules);
    let late = machine.token(HANDSHAKE_LIMIT);
    assert_eq!(late.context, None, "it begins anew");
    for leg in 0..20 {
        let step = machine.token(HANDSHAKE_LIMIT);
        machine.judged(step.turn, Proved::Continue(leg), &rules);
    }
    // Between two requests with tokens there is one without: it has nothing to do with the handshake.
    assert!(machine.is_half_done());
    assert_eq!(machine.plain(), None);
    assert!(!machine.is_half_done());
}
