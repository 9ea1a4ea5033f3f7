package dev.evento.codec;

/** Bytes that are not a value of the expected schema. Carries no stack: it tells of the bytes, not of the code. */
public final class Malformed extends RuntimeException {
    /** What is wrong, for people. */
    public Malformed(String message) {
        super(message, null, false, false);
    }
}
