//! What happened, in words: fault logs of real machines read and explained.

pub mod logs;
