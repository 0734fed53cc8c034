// SPDX-License-Identifier: MPL-2.0
// Refuses all connections to a test database for as long as the object lives, as if the database were down. Not thread safe.
#pragma once

#include "test_database.hpp"

#include <persistence/postgres/connection.hpp>

#include <string>

namespace ctms::test {

class closed_database {
public:
    explicit closed_database(test_database& which) : name_(which.name()), link_(options_of_cluster()) {
        link_.execute("alter database " + name_ + " allow_connections false");
        link_.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + name_ + "'");
    }
    ~closed_database() { link_.execute("alter database " + name_ + " allow_connections true"); }
    closed_database(const closed_database&) = delete;
    closed_database& operator=(const closed_database&) = delete;

private:
    static persistence::database_options options_of_cluster() {
        persistence::database_options out;
        out.url = shared_cluster().url("postgres");
        return out;
    }
    std::string name_;
    persistence::connection link_;
};

} // namespace ctms::test
