/**
 * Avro binary for generated types: canonical when written, checked in full when read.
 *
 * <p>Used by the code that {@code evento gen java} writes; seldom by hand. Nothing here resolves one schema against
 * another: Evento sends a function exactly the schemas it was built with.
 *
 * <p>Source: Apache Avro 1.12 specification, "Binary encoding"; Evento function protocol 1, section 8.3.
 */
package dev.evento.codec;
