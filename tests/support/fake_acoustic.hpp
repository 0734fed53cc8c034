// SPDX-License-Identifier: MPL-2.0
// A fake of Acoustic Campaign: an HTTP server, in the test's process or as the program fake-acoustic, that speaks the
// vendor's XML API, stores what it receives, refuses what the vendor refuses, and fails on request. It listens only on the
// loopback interface. A call holds its slot and takes effect when its latency has passed, even if its client has gone by then.
// Thread safe. Throws boost::system::system_error when it cannot listen.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::test {

struct fake_acoustic_options {
    std::uint16_t port = 0;               ///< 0 picks a free port
    bool tls = false;                     ///< HTTPS, with a certificate made at start (see fake_acoustic::ca_file)
    std::chrono::milliseconds latency{0}; ///< of each XML API call; many calls may wait at the same time
    int most_at_once = 10;                ///< XML API calls in progress at the same time; any further call is refused with 429
    std::chrono::seconds token_life{4 * 3600};
    std::string client_id = "fake-client";
    std::string client_secret = "fake-secret";
    std::string refresh_token = "fake-refresh";
    std::string main_table_id = "1001";
    std::string newsletter_table_id = "1002";
    std::string product_table_id = "1003";
    std::string exchange{};                    ///< folder with `upload` and `download` of the jobs; "" refuses ImportList
    std::chrono::milliseconds job_time{0};     ///< of each job
    bool lists_refused = true;                 ///< whether jobs list the rows that they refuse
    std::function<void(std::string_view)> log; ///< receives a line for each call, without addresses, on a server thread
};

/// A fault to inject into the calls that it matches.
struct fake_fault {
    enum class kind {
        fault_answer,  ///< 200 with a Fault: `text` is its FaultString, `number` its errorid
        row_transient, ///< the rows that contain `holds` fail as transient; AddRecipient fails like fault_answer 50
        row_permanent, ///< the rows that contain `holds` fail as permanent, with `text` as the description
        status,        ///< HTTP status `number`, with an HTML body
        empty_body,    ///< status 200 with an empty body
        no_xml,        ///< status 200 with text that is not XML
        cut,           ///< the connection is closed in the middle of the answer, after the call has taken effect
        cut_before,    ///< the connection is closed without any answer, and the call has no effect
        cut_after,     ///< the same, after the call has taken effect
        stall,         ///< the answer comes only after `wait`; the call takes effect immediately
        job_error,     ///< the job that ImportList starts ends with ERROR
        job_hang       ///< that job never ends
    };
    kind what = kind::fault_answer;
    std::string method; ///< token, AddRecipient, InsertUpdateRelationalTable, RemoveRecipient, DeleteRelationalTableData, ImportList,
                        ///< GetJobStatus; "" for any except token
    std::string holds;  ///< text that the call's XML must contain, e.g. an email_id; "" for any
    int times = -1;     ///< how many calls it affects; -1 for all
    int number = 0;     ///< an errorid or an HTTP status
    std::string text;
    std::chrono::milliseconds wait{0};
};

/// What the server has received so far.
struct fake_acoustic_counts {
    std::map<std::string, int> calls; ///< by method, including token; includes refused calls
    int most_at_once = 0;             ///< XML API calls in progress at the same time, at most
    int refused_as_too_many = 0;
    int refused_tokens = 0; ///< calls without a valid token: 401
    int connections = 0;    ///< accepted
    int oversized = 0;      ///< calls with more than 100 rows, which were refused
    int overlapping = 0;    ///< rows that another call was writing or deleting at the same time
    int jobs = 0;           ///< that were started
    int jobs_at_once = 0;   ///< at most
    int during_job = 0;     ///< calls for a contact in the main table while a job that had not ended had a row of it
};

class fake_acoustic {
public:
    using row = std::map<std::string, std::string>;                        ///< column to value; "" for an empty one
    using relational = std::map<std::pair<std::string, std::string>, row>; ///< by email_id and newsletter_name or product_id

    explicit fake_acoustic(fake_acoustic_options options = {});
    ~fake_acoustic();
    fake_acoustic(const fake_acoustic&) = delete;
    fake_acoustic& operator=(const fake_acoustic&) = delete;

    /// "http://127.0.0.1:PORT", or "https://..." with TLS.
    [[nodiscard]] std::string url() const;
    [[nodiscard]] std::uint16_t port() const;
    /// With TLS: the path of a file with the certificate to trust.
    [[nodiscard]] std::string ca_file() const;

    void add_fault(fake_fault fault);
    void clear_faults();
    /// While down, connections are closed and new ones refused. The port stays reserved, and the server listens on it again
    /// when it is up. Calls whose latency had not passed have no effect.
    void set_down(bool down);
    void set_latency(std::chrono::milliseconds latency);
    /// The time of the jobs that start from now on.
    void set_job_time(std::chrono::milliseconds time);
    /// Ends the time of all jobs that are under way, except those that never end.
    void end_jobs();
    /// Invalidates every token issued so far.
    void forget_tokens();

    [[nodiscard]] fake_acoustic_counts counts() const;
    /// The contacts, by email_id.
    [[nodiscard]] std::map<std::string, row> contacts() const;
    [[nodiscard]] relational newsletters() const;
    [[nodiscard]] relational products() const;
    /// The bodies (XML) of the last accepted calls, oldest first, at most 100.
    [[nodiscard]] std::vector<std::string> last_calls() const;
    /// How often each contact's row in the main table was written, in total.
    [[nodiscard]] std::map<std::string, int> writes_by_contact() const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::test
