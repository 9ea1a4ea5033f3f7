package dev.evento.server;

import java.util.concurrent.atomic.AtomicLong;

/** Memory that all connections together may take for large requests; who finds none left is answered 503. */
final class Budget {
    private final AtomicLong left;

    Budget(long bytes) {
        left = new AtomicLong(bytes);
    }

    /** A third of the heap, but enough for one request of the largest size. */
    static Budget ofHeap() {
        return new Budget(Math.max(Runtime.getRuntime().maxMemory() / 3, 2L * Limits.BODY_BYTES));
    }

    /** Takes so many bytes; false when they are not left. */
    boolean take(long bytes) {
        if (left.addAndGet(-bytes) >= 0) {
            return true;
        }
        left.addAndGet(bytes);
        return false;
    }

    /** Gives them back. */
    void give(long bytes) {
        left.addAndGet(bytes);
    }
}
