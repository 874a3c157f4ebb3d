//! Strings in the static Huffman code (RFC 7541, 5.2), four bits at a time.

use std::sync::LazyLock;

use super::Malformed;
use super::huffman_codes::CODES;

const END: usize = 256;
const NODES: usize = 256;

/// What four bits do to a state.
#[derive(Clone, Copy, Default)]
struct Step {
    next: u8,
    /// The byte that these bits complete.
    byte: Option<u8>,
    /// They lead into the code of the end, which must not occur.
    bad: bool,
}

struct Machine {
    /// For each state, by the next four bits.
    steps: Vec<[Step; 16]>,
    /// States in which a string may end: fewer than eight bits, all ones, since the last byte.
    padding: [bool; NODES],
}

#[derive(Clone, Copy)]
enum Branch {
    Nothing,
    Node(u8),
    Symbol(usize),
}

static MACHINE: LazyLock<Machine> = LazyLock::new(Machine::new);

impl Machine {
    fn new() -> Self {
        // A prefix code of 257 symbols is a tree with 256 inner nodes.
        let mut tree = vec![[Branch::Nothing; 2]];
        for (symbol, (code, length)) in CODES.iter().enumerate() {
            let mut node = 0;
            for bit in (0..*length).rev() {
                let side = (code >> bit & 1) as usize;
                if bit == 0 {
                    tree[node][side] = Branch::Symbol(symbol);
                } else if let Branch::Node(next) = tree[node][side] {
                    node = usize::from(next);
                } else {
                    let next = tree.len();
                    tree.push([Branch::Nothing; 2]);
                    tree[node][side] = Branch::Node(next as u8);
                    node = next;
                }
            }
        }
        let steps = (0..tree.len()).map(|node| std::array::from_fn(|bits| walk(&tree, node, bits))).collect();
        let mut padding = [false; NODES];
        let mut node = 0;
        for _ in 0..8 {
            padding[node] = true;
            let Branch::Node(next) = tree[node][1] else { break };
            node = usize::from(next);
        }
        Self { steps, padding }
    }
}

fn walk(tree: &[[Branch; 2]], mut node: usize, bits: usize) -> Step {
    let mut byte = None;
    for bit in (0..4).rev() {
        node = match tree[node][bits >> bit & 1] {
            Branch::Node(next) => usize::from(next),
            Branch::Symbol(END) | Branch::Nothing => return Step { bad: true, ..Step::default() },
            Branch::Symbol(symbol) => {
                // The shortest code has five bits: there is one of them at most.
                byte = Some(symbol as u8);
                0
            }
        };
    }
    Step { next: node as u8, byte, bad: false }
}

/// Appends what `input` stands for.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let machine = &*MACHINE;
    let mut state = 0;
    out.reserve(input.len() * 2);
    for &byte in input {
        for bits in [byte >> 4, byte & 15] {
            let step = machine.steps[usize::from(state)][usize::from(bits)];
            if step.bad {
                return Err(Malformed("a string holds the code of its own end"));
            }
            if let Some(byte) = step.byte {
                out.push(byte);
            }
            state = step.next;
        }
    }
    if machine.padding[usize::from(state)] {
        Ok(())
    } else {
        Err(Malformed("a string is not padded as it must be"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut held, mut count) = (Vec::new(), 0_u64, 0);
        for &byte in bytes {
            let (code, length) = CODES[usize::from(byte)];
            held = held << length | u64::from(code);
            count += u32::from(length);
            while count >= 8 {
                out.push((held >> (count - 8)) as u8);
                count -= 8;
            }
        }
        if count > 0 {
            out.push((held << (8 - count)) as u8 | (0xff >> count));
        }
        out
    }

    fn decoded(input: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::new();
        decode(input, &mut out).map(|()| out)
    }

    #[test]
    fn every_byte_and_every_pair_comes_back() {
        assert_eq!(MACHINE.steps.len(), NODES);
        for first in 0..=255 {
            assert_eq!(decoded(&encode(&[first])), Ok(vec![first]));
            for second in 0..=255 {
                assert_eq!(decoded(&encode(&[first, second])), Ok(vec![first, second]));
            }
        }
    }

    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(
            decoded(&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff]),
            Ok(b"www.example.com".to_vec())
        );
        assert_eq!(decoded(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]), Ok(b"no-cache".to_vec()));
        assert_eq!(decoded(&[]), Ok(Vec::new()));
    }

    #[test]
    fn bad_padding_and_the_end_are_refused() {
        // Padding of zeros, of a whole byte, and the code of the end itself.
        assert!(decoded(&[0b0001_1000]).is_err());
        assert!(decoded(&[0b0001_1111, 0xff]).is_err());
        assert!(decoded(&[0xff]).is_err());
        assert!(decoded(&[0xff, 0xff, 0xff, 0xff]).is_err());
        assert_eq!(decoded(&[0b0001_1111]), Ok(b"a".to_vec()));
    }
}
