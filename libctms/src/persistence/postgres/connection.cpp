// SPDX-License-Identifier: MPL-2.0
#include "connection.hpp"

#include "pqxx_rows.hpp"

#include <pqxx/connection>
#include <pqxx/except>
#include <pqxx/nontransaction>
#include <pqxx/result>
#include <pqxx/version>
#if PQXX_VERSION_MAJOR >= 7
#include <pqxx/params>
#endif

#include <boost/throw_exception.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>

namespace ctms::persistence {

namespace {

using kind = sql_error::kind;

// ---- where libpqxx 6 and 7 differ ------------------------------------------------------------------

#if PQXX_VERSION_MAJOR >= 7
void settle(pqxx::connection& link) { link.set_verbosity(pqxx::error_verbosity::verbose); }

pqxx::params pass(std::span<const parameter> parameters) {
    pqxx::params all;
    all.reserve(parameters.size());
    for (const auto& one : parameters) {
        if (one) {
            all.append(pqxx::zview(*one));
        } else {
            all.append();
        }
    }
    return all;
}
#else
// Without this call version 6 reconnects by itself, even in the middle of a transaction.
void settle(pqxx::connection& link) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    link.inhibit_reactivation(true);
#pragma GCC diagnostic pop
    link.set_verbosity(pqxx::connection_base::verbose);
}

// Passes pointers because version 6 copies each parameter while it walks the list.
auto pass(std::span<const parameter> parameters) {
    std::vector<const char*> all;
    all.reserve(parameters.size());
    for (const auto& one : parameters) all.push_back(one ? one->c_str() : nullptr);
    return all;
}
#endif

pqxx::result run_prepared(pqxx::nontransaction& session, const std::string& name, std::span<const parameter> parameters) {
#if PQXX_VERSION_MAJOR > 7 || (PQXX_VERSION_MAJOR == 7 && PQXX_VERSION_MINOR >= 10)
    return session.exec(pqxx::prepped(name), pass(parameters));
#elif PQXX_VERSION_MAJOR == 7
    return session.exec_prepared(pqxx::zview(name), pass(parameters));
#else
    const auto values = pass(parameters);
    return session.exec_prepared(name, pqxx::prepare::make_dynamic_params(values.begin(), values.end()));
#endif
}

pqxx::result run_unprepared(pqxx::nontransaction& session, const std::string& sql, std::span<const parameter> parameters) {
#if PQXX_VERSION_MAJOR > 7 || (PQXX_VERSION_MAJOR == 7 && PQXX_VERSION_MINOR >= 10)
    return session.exec(pqxx::zview(sql), pass(parameters));
#elif PQXX_VERSION_MAJOR == 7
    return session.exec_params(pqxx::zview(sql), pass(parameters));
#else
    const auto values = pass(parameters);
    return session.exec_params(sql, pqxx::prepare::make_dynamic_params(values.begin(), values.end()));
#endif
}

// ---- the connection string -------------------------------------------------------------------------

bool is_url(std::string_view text) { return text.starts_with("postgresql://") || text.starts_with("postgres://"); }

bool mentions(std::string_view text, std::string_view key) {
    for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
        const bool starts = at == 0 || std::string_view("?& \t\n").find(text[at - 1]) != std::string_view::npos;
        const auto next = text.find_first_not_of(" \t\n", at + key.size());
        if (starts && next != std::string_view::npos && text[next] == '=') return true;
    }
    return false;
}

void append_percent_encoded(std::string& out, std::string_view value) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    for (const char c : value) {
        if (c == ' ' || c == '=' || c == '&' || c == '%') {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += hex[byte >> 4U];
            out += hex[byte & 15U];
        } else {
            out += c;
        }
    }
}

// Adds `key` unless the operator set it in the URL. `value` must not contain quotes or backslashes.
void add_default(std::string& text, std::string_view key, std::string_view value) {
    if (mentions(text, key)) return;
    if (is_url(text)) {
        text += text.find('?') == std::string::npos ? '?' : '&';
        text += key;
        text += '=';
        append_percent_encoded(text, value);
    } else {
        text.append(" ").append(key).append("='").append(value).append("'");
    }
}

struct session_setting {
    const char* name;
    std::string value;
};

std::array<session_setting, 8> session_settings(const database_options& options) {
    return {{{"statement_timeout", std::to_string(options.statement_timeout.count())},
             {"lock_timeout", std::to_string(options.lock_timeout.count())},
             {"idle_in_transaction_session_timeout", "60000"},
             // libpq prints warnings that come before the session is ready, as plain text among the lines of the log.
             {"client_min_messages", "error"},
             {"timezone", "UTC"},
             {"jit", "off"},
             // Statements here read few rows. Without statistics the planner may take parallel workers for them, whose start takes longer.
             {"max_parallel_workers_per_gather", "0"},
             {"plan_cache_mode", "force_generic_plan"}}};
}

/// How the session settings are sent to the server.
enum class settings_by { startup, statement };

settings_by usual_way(const database_options& options) {
    // The URL may already contain `options`, which a second one would replace.
    return mentions(options.url, "options") ? settings_by::statement : settings_by::startup;
}

// PgBouncer accepts only a few startup parameters, and before version 1.20 it does not accept `options`.
bool refuses_startup(std::string_view message) { return message.find("unsupported startup parameter") != std::string_view::npos; }

std::string connection_string(const database_options& options, settings_by way) {
    std::string text = options.url;
    add_default(text, "application_name", "ctms");
    add_default(text, "connect_timeout", std::to_string(options.connect_timeout.count()));
    // With these, a server that vanished is noticed within about half a minute.
    add_default(text, "tcp_user_timeout", "15000");
    add_default(text, "keepalives_idle", "10");
    add_default(text, "keepalives_interval", "5");
    add_default(text, "keepalives_count", "3");
    if (!options.prepared || way == settings_by::statement) return text;
    std::string flags;
    for (const auto& [name, value] : session_settings(options)) flags.append(" -c ").append(name).append("=").append(value);
    add_default(text, "options", flags.substr(1));
    return text;
}

// ---- what went wrong -------------------------------------------------------------------------------

struct known_state {
    std::string_view code; ///< all five characters, or a class of two
    kind what;
    bool ends_connection;
};

// The first match counts. 25006: the primary became a replica. 26000, 0A000 (see is_stale_plan()): the server no longer knows a prepared
// statement, or its tables changed; a new connection prepares it again.
constexpr std::array known_states{
    known_state{"23505", kind::unique, false},
    known_state{"40001", kind::retryable, false},
    known_state{"40P01", kind::retryable, false},
    known_state{"40003", kind::in_doubt, true},
    known_state{"57014", kind::timeout, false},
    known_state{"55P03", kind::timeout, false},
    known_state{"57P01", kind::shutdown, true},
    known_state{"57P02", kind::shutdown, true},
    known_state{"57P03", kind::shutdown, true},
    known_state{"57P04", kind::connection, true},
    known_state{"57P05", kind::connection, true},
    known_state{"25P03", kind::connection, true},
    known_state{"25006", kind::connection, true},
    known_state{"26000", kind::connection, true},
    known_state{"0A000", kind::connection, true},
    known_state{"53300", kind::connection, true},
    known_state{"42501", kind::forbidden, false},
    known_state{"08", kind::connection, true},
    // Of the classes 22 and 23, only these can be a value of the client: text that is too long, a time out of range, text that the
    // database's encoding or its JSON does not know. Everything else there is trouble of the database or ours, such as a sequence at its
    // end (2200H), an id that its column cannot hold (22003), a constraint that somebody added (23514, 23P01).
    known_state{"22001", kind::bad_value, false},
    known_state{"22007", kind::bad_value, false},
    known_state{"22008", kind::bad_value, false},
    known_state{"22021", kind::bad_value, false},
    known_state{"22P02", kind::bad_value, false},
    known_state{"22P05", kind::bad_value, false},
    // Another writer inserted or deleted a row meanwhile that this one refers to, or that refers to it.
    known_state{"23503", kind::retryable, false},
    known_state{"23001", kind::retryable, false},
};

known_state classify(std::string_view sqlstate) {
    for (const auto& one : known_states) {
        if (sqlstate.starts_with(one.code)) return one;
    }
    return {"", kind::other, false};
}

// The server did not run the statement at all, so the outcome is not in doubt.
bool refused(std::string_view sqlstate) { return sqlstate == "57P03" || sqlstate == "25006" || sqlstate == "26000" || sqlstate == "0A000"; }

// 0A000 also means that the statement asks for something that the server cannot do. Only a statement whose result has changed comes from
// this function of the server, whose name stands in the message.
bool is_stale_plan(std::string_view message) { return message.find("RevalidateCachedQuery") != std::string_view::npos; }

// libpq writes this label itself, whereas the quotes in the message depend on the server's language.
std::string constraint_in(std::string_view message) {
    constexpr std::string_view label = "CONSTRAINT NAME:  ";
    if (const auto at = message.find(label); at != std::string_view::npos) {
        const auto from = at + label.size();
        return std::string(message.substr(from, message.find('\n', from) - from));
    }
    const auto from = message.find('"');
    const auto to = from == std::string_view::npos ? from : message.find('"', from + 1);
    return to == std::string_view::npos ? std::string() : std::string(message.substr(from + 1, to - from - 1));
}

// DETAIL and CONTEXT quote values of the row, which are personal data and must not be logged. So does the message itself in class 22,
// except that of a sequence at its end.
std::string without_values(std::string_view sqlstate, std::string_view message) {
    if (sqlstate.starts_with("22") && sqlstate != "2200H") return "a value was refused; the message may quote it, so it is left out";
    constexpr std::array<std::string_view, 5> ends{"\nDETAIL:", "\nCONTEXT:", "\nSCHEMA NAME:", "\nLOCATION:", "\nHINT:"};
    for (const auto end : ends) message = message.substr(0, message.find(end));
    while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
    return std::string(message);
}

bool peer_is_gone(int socket) noexcept {
    pollfd one{socket, POLLRDHUP, 0};
    return socket < 0 || (::poll(&one, 1, 0) > 0 && (one.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0);
}

} // namespace

// ---- connection ------------------------------------------------------------------------------------

struct connection::impl {
    impl(const database_options& options, settings_by way) : prepared(options.prepared), link(connection_string(options, way)) {
        settle(link);
        if (options.prepared && way == settings_by::statement) set_by_statement(options);
    }

    void set_by_statement(const database_options& options) {
        std::string sql;
        for (const auto& [name, value] : session_settings(options)) sql.append("set ").append(name).append("='").append(value).append("';");
        pqxx::nontransaction(link).exec(sql);
    }

    /// Runs `action` and turns whatever it throws into a sql_error. `doubtful`: if the connection is lost meanwhile,
    /// something may or may not have been committed.
    template <class Action>
    rows guarded(bool doubtful, Action action) {
        // Checked before anything is sent, so that nothing is in doubt. (libpqxx 6.4 also leaks memory when it finds this out itself.)
        if (broken || peer_is_gone(link.sock())) {
            broken = true;
            boost::throw_with_location(sql_error(kind::connection, "", "", "the connection is closed"));
        }
        const busy_mark busy(*this);
        try {
            pqxx::nontransaction session(link);
            return rows(std::make_shared<const rows::impl>(action(session)));
        } catch (const pqxx::serialization_failure& failure) {
            fail("40001", failure.what(), doubtful);
        } catch (const pqxx::deadlock_detected& failure) {
            fail("40P01", failure.what(), doubtful);
        } catch (const pqxx::insufficient_privilege& failure) { // version 6 leaves out its code, as it does for the two above
            fail("42501", failure.what(), doubtful);
        } catch (const pqxx::statement_completion_unknown& failure) {
            fail("40003", failure.what(), doubtful);
        } catch (const pqxx::sql_error& failure) {
            fail(failure.sqlstate(), failure.what(), doubtful);
        } catch (const pqxx::broken_connection& failure) {
            fail("08006", failure.what(), doubtful);
        } catch (const pqxx::failure& failure) {
            fail("", failure.what(), doubtful);
        } catch (const std::logic_error& failure) { // the base of all others of libpqxx, such as usage_error
            fail("", failure.what(), doubtful);
        }
    }

    [[noreturn]] void fail(std::string sqlstate, std::string_view message, bool doubtful) {
        const auto state = sqlstate == "0A000" && !is_stale_plan(message) ? classify("") : classify(sqlstate);
        auto what = state.what;
        if (!link.is_open() && !state.ends_connection) what = kind::connection;
        if (!link.is_open() || state.ends_connection) {
            broken = true;
            if (doubtful && !refused(sqlstate)) what = kind::in_doubt;
        }
        auto constraint = what == kind::unique ? constraint_in(message) : std::string();
        auto told = without_values(sqlstate, message);
        boost::throw_with_location(sql_error(what, std::move(sqlstate), std::move(constraint), told));
    }

    void prepare(const statement& what) {
        if (known.contains(what.name)) return;
        constexpr std::size_t longest = 63; // the server would cut it off, and take two names for one
        if (what.name.size() > longest) throw std::logic_error(what.name + ": the name is too long");
        link.prepare(what.name, what.sql);
        known.emplace(what.name);
    }

    /// Records when the running statement began, for cut_if_stuck().
    class busy_mark {
    public:
        explicit busy_mark(impl& owner) : owner_(owner) { set(std::chrono::steady_clock::now()); }
        ~busy_mark() { set(std::nullopt); }
        busy_mark(const busy_mark&) = delete;
        busy_mark& operator=(const busy_mark&) = delete;

    private:
        void set(std::optional<std::chrono::steady_clock::time_point> since) {
            const std::lock_guard lock(owner_.busy_mutex);
            owner_.busy_since = since;
        }
        impl& owner_;
    };

    bool prepared;
    pqxx::connection link;
    std::mutex busy_mutex;
    std::optional<std::chrono::steady_clock::time_point> busy_since;
    std::set<std::string, std::less<>> known; ///< names of prepared statements
    std::chrono::steady_clock::time_point opened_at = std::chrono::steady_clock::now();
    bool broken = false;
    bool in_transaction = false;
    bool committed = false;
};

connection::connection(const database_options& options) {
    const auto open = [&](settings_by way) { impl_ = std::make_unique<impl>(options, way); };
    try {
        try {
            open(usual_way(options));
        } catch (const pqxx::broken_connection& failure) {
            if (!refuses_startup(failure.what())) throw;
            open(settings_by::statement);
        }
    } catch (const pqxx::failure& failure) {
        boost::throw_with_location(sql_error(kind::connection, "", "", without_values("", failure.what())));
    }
}

connection::~connection() = default;

rows connection::query(const statement& what, std::span<const parameter> parameters, bool writes) {
    for (const auto& one : parameters) {
        if (one && one->find('\0') != std::string::npos) throw std::logic_error(what.name + ": a parameter contains a NUL");
    }
    const bool autocommits = writes && !impl_->in_transaction;
    auto answer = impl_->guarded(autocommits, [&](pqxx::nontransaction& session) {
        if (!impl_->prepared || what.name.empty()) return run_unprepared(session, what.sql, parameters);
        impl_->prepare(what);
        return run_prepared(session, what.name, parameters);
    });
    if (autocommits) impl_->committed = true;
    return answer;
}

rows connection::execute(const std::string& sql) {
    const bool autocommits = !impl_->in_transaction;
    auto answer = impl_->guarded(autocommits, [&](pqxx::nontransaction& session) { return session.exec(sql); });
    if (autocommits) impl_->committed = true;
    return answer;
}

void connection::begin() {
    if (impl_->in_transaction) throw std::logic_error("a transaction is already open");
    impl_->guarded(false, [](pqxx::nontransaction& session) { return session.exec("begin"); });
    impl_->in_transaction = true;
}

void connection::commit() {
    if (!impl_->in_transaction) throw std::logic_error("commit without a transaction");
    impl_->in_transaction = false; // the transaction ends whether or not the commit succeeds
    impl_->guarded(true, [](pqxx::nontransaction& session) { return session.exec("commit"); });
    impl_->committed = true;
}

void connection::rollback() noexcept {
    if (!impl_->in_transaction) return;
    impl_->in_transaction = false;
    if (impl_->broken) return;
    try {
        impl_->guarded(false, [](pqxx::nontransaction& session) { return session.exec("rollback"); });
    } catch (...) {
        impl_->broken = true; // the server rolls back when the connection closes
    }
}

void connection::cut_if_stuck(std::chrono::milliseconds limit) noexcept {
    const std::lock_guard lock(impl_->busy_mutex);
    const bool stuck = impl_->busy_since && std::chrono::steady_clock::now() - *impl_->busy_since > limit;
    if (stuck) ::shutdown(impl_->link.sock(), SHUT_RDWR); // wakes libpq, which waits on the socket without a limit
}

void connection::cancel() noexcept {
    try {
        impl_->link.cancel_query();   // libpq allows this while another thread waits for the statement
    } catch (const std::exception&) { // the statement goes on, and the caller may ask again
    }
}

bool connection::usable() const noexcept { return !impl_->broken && impl_->link.is_open() && !peer_is_gone(impl_->link.sock()); }

bool connection::has_committed() const noexcept { return impl_->committed; }

void connection::start_lease() noexcept { impl_->committed = false; }

std::chrono::steady_clock::time_point connection::opened_at() const noexcept { return impl_->opened_at; }

} // namespace ctms::persistence
