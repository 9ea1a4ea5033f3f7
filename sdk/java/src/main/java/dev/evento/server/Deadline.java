package dev.evento.server;

/** When a request must be answered. Whoever works on it asks now and then. */
final class Deadline {
    /** The time is over: nothing more may be answered. */
    static final class Passed extends RuntimeException {
        private static final long serialVersionUID = 1;

        private Passed() {
            super("the deadline of the request has passed", null, false, false);
        }
    }

    private final long until;

    private Deadline(long until) {
        this.until = until;
    }

    /** From now on. */
    static Deadline in(long milliseconds) {
        return new Deadline(System.nanoTime() + milliseconds * 1_000_000);
    }

    boolean isPassed() {
        return System.nanoTime() - until >= 0;
    }

    /** By {@link System#nanoTime()}. */
    long until() {
        return until;
    }

    /**
     * Goes on only while there is time.
     *
     * @throws Passed otherwise
     */
    void check() {
        if (isPassed()) {
            throw new Passed();
        }
    }
}
