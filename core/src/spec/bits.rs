//! Reading and writing the fields of a structure's words, by name.

use super::Field;

/// The words of a structure, or the value of a register, whose fields are read and written by name.
///
/// Callers pass a constant of a table, so that after inlining each method is the shift and the mask of that field.
pub trait Bits {
    /// Returns the words, the structure's first one first.
    fn words(&self) -> &[u64];
    /// Returns the same, to be changed.
    fn words_mut(&mut self) -> &mut [u64];

    /// Returns the field's value, shifted down to bit 0.
    #[inline(always)]
    fn bits(&self, field: Field) -> u64 {
        field.get(self.words())
    }
    /// Returns whether any bit of the field is 1.
    #[inline(always)]
    fn is_set(&self, field: Field) -> bool {
        field.get(self.words()) != 0
    }
    /// Returns the address that an address field holds: its value shifted to where it belongs.
    #[inline(always)]
    fn address(&self, field: Field) -> u64 {
        field.get(self.words()) << field.shift()
    }
    /// Sets the field to the low bits of `value`.
    #[inline(always)]
    fn set(&mut self, field: Field, value: u64) {
        field.put(self.words_mut(), value);
    }
    /// Sets the field to 1 or 0.
    #[inline(always)]
    fn set_flag(&mut self, field: Field, on: bool) {
        field.put(self.words_mut(), on as u64);
    }
    /// Returns the words with the field set to the low bits of `value`.
    #[inline(always)]
    fn with(mut self, field: Field, value: u64) -> Self
    where
        Self: Sized,
    {
        self.set(field, value);
        self
    }
    /// Returns the words with the flag set to `on`.
    #[inline(always)]
    fn with_flag(self, field: Field, on: bool) -> Self
    where
        Self: Sized,
    {
        self.with(field, on as u64)
    }
    /// Returns the words with an address field set to the address `at`, whose bits below the field are dropped.
    #[inline(always)]
    fn with_address(self, field: Field, at: u64) -> Self
    where
        Self: Sized,
    {
        self.with(field, at >> field.shift())
    }
}

impl Bits for u64 {
    #[inline(always)]
    fn words(&self) -> &[u64] {
        core::slice::from_ref(self)
    }
    #[inline(always)]
    fn words_mut(&mut self) -> &mut [u64] {
        core::slice::from_mut(self)
    }
}

impl<const N: usize> Bits for [u64; N] {
    #[inline(always)]
    fn words(&self) -> &[u64] {
        self
    }
    #[inline(always)]
    fn words_mut(&mut self) -> &mut [u64] {
        self
    }
}

impl Bits for [u64] {
    #[inline(always)]
    fn words(&self) -> &[u64] {
        self
    }
    #[inline(always)]
    fn words_mut(&mut self) -> &mut [u64] {
        self
    }
}
