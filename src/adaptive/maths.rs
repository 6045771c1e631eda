//! Roots with `+ - * /` only, so that every machine computes the same bits, with and without the standard library.

/// The square root, by Newton's method from a guess that halves the exponent: within 1e-15 of it after five steps. 0 for
/// what is not above 0.
pub(super) fn sqrt(x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let guess = f64::from_bits((x.to_bits() >> 1).wrapping_add(0x1FF7_A3BE_A91D_9B1B));
    (0..5).fold(guess, |y, _| 0.5 * (y + x / y))
}

/// The cube root, likewise.
pub(super) fn cbrt(x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let guess = f64::from_bits((x.to_bits() / 3).wrapping_add(0x2A9F_7893_782D_A1CE));
    (0..5).fold(guess, |y, _| (2.0 * y + x / (y * y)) / 3.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_roots(x in 1e-12f64..1e18) {
            prop_assert!((sqrt(x) / x.sqrt() - 1.0).abs() < 1e-14);
            prop_assert!((cbrt(x) / x.cbrt() - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn nothing_has_no_root() {
        for x in [0.0, -1.0, f64::NEG_INFINITY] {
            assert_eq!((sqrt(x), cbrt(x)), (0.0, 0.0));
        }
    }
}
