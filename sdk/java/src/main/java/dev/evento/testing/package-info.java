/**
 * Given-when-then: what a function decides and how the state evolves, without a server and in any test runner.
 *
 * <p>{@code import static dev.evento.testing.Given.given;} Every check throws {@link java.lang.AssertionError} with
 * what differs.
 */
package dev.evento.testing;
