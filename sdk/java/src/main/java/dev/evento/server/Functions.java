package dev.evento.server;

import dev.evento.EntityFunction;
import dev.evento.host.CommandType;
import dev.evento.host.EventType;
import dev.evento.host.Host;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The functions of this process by the names of their entities, and the manifest that tells of them. */
final class Functions {
    /** The SDK's name and version in the manifest. */
    static final String SDK = "evento-java/0.1.0";

    private final List<Host<?>> hosts = new ArrayList<>();
    private final byte[] manifest;

    Functions(String name, List<EntityFunction<?, ?, ?>> functions) {
        for (EntityFunction<?, ?, ?> function : functions) {
            Host<?> host = function.host();
            if (hosts.stream().anyMatch(other -> other.entity().equals(host.entity()))) {
                throw new IllegalArgumentException("two functions for " + host.entity() + "; one entity has one");
            }
            hosts.add(host);
        }
        if (hosts.isEmpty()) {
            throw new IllegalArgumentException("serve needs at least one function");
        }
        String label = name.isEmpty() ? hosts.get(0).entity() : name;
        manifest = manifestText(label).getBytes(StandardCharsets.UTF_8);
    }

    /** The discovery manifest, as it is served. */
    byte[] manifest() {
        return manifest;
    }

    /** The host of the entity whose name these bytes are, or null. */
    Host<?> entity(byte[] name, int from, int length) {
        for (Host<?> host : hosts) {
            if (host.isEntity(name, from, length)) {
                return host;
            }
        }
        return null;
    }

    /** The host that decides this command, or null. */
    Host<?> hostOfCommand(byte[] name) {
        return hosts.stream().filter(host -> host.command(name, 0, name.length) != null).findFirst().orElse(null);
    }

    /** The host that applies this event, or null. */
    Host<?> hostOfEvent(byte[] name) {
        return hosts.stream().filter(host -> {
            EventType<?, ?> type = host.event(name, 0, name.length);
            return type != null && type.isApplied();
        }).findFirst().orElse(null);
    }

    private String manifestText(String name) {
        return "{\"manifestVersion\":1,"
                + "\"protocol\":{\"min\":1,\"max\":1,\"modes\":[\"plain\",\"run\"],\"http\":[\"1.1\"]},"
                + "\"function\":{\"name\":" + Json.quote(name) + ",\"sdk\":\"" + SDK + "\"},"
                + "\"schemas\":[" + String.join(",", schemas()) + "],"
                + "\"entities\":[" + hosts.stream().map(Functions::entityText).collect(Collectors.joining(",")) + "],"
                + "\"limits\":{\"concurrency\":" + Limits.IN_FLIGHT + ",\"maxBodyBytes\":" + Limits.BODY_BYTES
                + ",\"maxWork\":" + Limits.WORKS + ",\"maxSteps\":" + Limits.STEPS + "}}";
    }

    /** Each named type once, also when several entities use it. */
    private List<String> schemas() {
        Map<String, String> schemas = new LinkedHashMap<>();
        for (Host<?> host : hosts) {
            for (Host.Schema schema : host.schemas()) {
                String before = schemas.putIfAbsent(schema.name(), schema.json());
                if (before != null && !before.equals(schema.json())) {
                    throw new IllegalStateException("two entities were generated with different schemas of "
                            + schema.name() + "; run evento gen for both");
                }
            }
        }
        return List.copyOf(schemas.values());
    }

    private static String entityText(Host<?> host) {
        String handles = host.commands().stream().map(Functions::commandText).collect(Collectors.joining(","));
        return "{\"name\":" + Json.quote(host.entity()) + ",\"handles\":[" + handles + "],\"applies\":["
                + events(host, true) + "],\"rejections\":[" + events(host, false) + "],\"stateVersion\":"
                + host.stateVersion() + "}";
    }

    private static String commandText(CommandType<?, ?> command) {
        String emits = command.emits().values().stream()
                .map(event -> Json.quote(event.codec().name())).collect(Collectors.joining(","));
        return "{\"command\":" + Json.quote(command.codec().name()) + ",\"emits\":[" + emits + "]}";
    }

    /** The names of the applied events, or those of the rejections. */
    private static String events(Host<?> host, boolean applied) {
        return host.events().stream()
                .filter(event -> applied ? event.isApplied() : event.isRejection())
                .map(event -> Json.quote(event.codec().name())).collect(Collectors.joining(","));
    }
}
