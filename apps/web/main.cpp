// SPDX-License-Identifier: MPL-2.0
// ctms-web: serves the API. See --help and docs/configuration.md.
#include "descriptors.hpp"
#include "program.hpp"

#include <ctms/base/version.hpp>
#include <support/daemon.hpp>
#include <support/descriptors.hpp>
#include <support/exit_codes.hpp>
#include <support/http/memory.hpp>
#include <support/start.hpp>

namespace {

using namespace ctms;

constexpr support::daemon self{.name = "ctms-web",
                               .who = config::program::web,
                               .synopsis = "[--embedded]",
                               .purpose = "Serves the CTMS API over HTTP.",
                               .example = "PORT=8000 ctms-web --embedded",
                               .flags = {}};

/// The limits on connections, lowered if the process may not open enough descriptors.
web::limits limits_in_force(const config::settings& settings, mozlog::logger& log) {
    const web::limits wanted;
    const auto descriptors = support::raise_descriptor_limit();
    const auto out = web::fit_to_descriptors(wanted, settings, descriptors);
    if (descriptors >= web::descriptors_needed(wanted, settings)) return out;
    mozlog::fields members;
    members.add("descriptors", static_cast<std::int64_t>(descriptors))
        .add("descriptors_needed", static_cast<std::int64_t>(web::descriptors_needed(wanted, settings)))
        .add("connections", static_cast<std::int64_t>(out.connections))
        .add("event_streams", static_cast<std::int64_t>(out.event_streams));
    if (settings.ops_port) members.add("ops_connections", static_cast<std::int64_t>(out.ops_connections));
    log.log(mozlog::severity::warning, "ctms.web.server", members, "The limit of open descriptors is too low for all connections");
    return out;
}

int serve(config::settings settings) {
    http::set_memory_aside();
    const support::program_log log(settings, self.name);
    for (const auto& notice : settings.notices) log->log(mozlog::severity::info, "ctms.web", notice);
    const auto embedded = support::prepare_database(settings);
    if (!embedded) return support::report_failure(self.name, embedded.error());
    if (const auto schema = support::prepare_schema(settings, persistence::program_account::web); !schema)
        return support::report_failure(self.name, schema.error());
    // This comes after the start of the embedded database, which keeps the descriptor limit in force when it starts.
    web::program program(settings, *log, limits_in_force(settings, *log));
    const auto port = program.listen();
    if (!port) return support::report_failure(self.name, port.error());
    program.handle_signals();
    mozlog::fields where;
    where.add("host", settings.host)
        .add("port", static_cast<int>(*port))
        .add("tls", settings.tls_cert.has_value())
        .add("version", version());
    if (const auto ops_port = program.ops_port()) where.add("ops_port", static_cast<int>(*ops_port));
    log->log(mozlog::severity::info, "ctms.web.server", where, "Listening");
    program.run();
    log->log(mozlog::severity::info, "ctms.web.server", "Stopped");
    return support::ok;
}

} // namespace

int main(int argc, char** argv) {
    return support::daemon_main(self, argc, argv,
                                [](config::settings settings, const support::given_flags&) { return serve(std::move(settings)); });
}
