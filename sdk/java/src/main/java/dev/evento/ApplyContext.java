package dev.evento;

import java.time.Instant;
import java.util.Objects;

/**
 * What {@code apply} may use beside the event and the state.
 *
 * @param entityId the instance
 * @param time when the command that caused the event was accepted; the only clock there is
 */
public record ApplyContext(String entityId, Instant time) {
    /** Refuses null. */
    public ApplyContext {
        Objects.requireNonNull(entityId, "entityId");
        Objects.requireNonNull(time, "time");
    }
}
