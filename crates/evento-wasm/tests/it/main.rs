//! Modules that behave and modules that do not, written as text: what is refused, what a failure is called, and that
//! the next call is answered.

mod cache;
mod component;
mod guest;
mod loading;
mod misbehaviour;
