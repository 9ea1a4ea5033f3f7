/**
 * The Evento SDK: write functions in Java, test them without a server, serve them to Evento.
 *
 * <p>Depends on nothing but {@code java.base}. It knows nothing of storage, retries or Kafka; it shares only the
 * bytes of the function protocol with Evento.
 */
module dev.evento.sdk {
    exports dev.evento;
    exports dev.evento.codec;
    exports dev.evento.host;
    exports dev.evento.testing;
}
